"""The one upstream connection to a gateway, and the only place that imports ib_async."""

from ibmux.session.driver import Session
from ibmux.session.hooks import Hooks
from ibmux.session.sheet import Sheet

__all__ = ["Hooks", "Session", "Sheet"]
