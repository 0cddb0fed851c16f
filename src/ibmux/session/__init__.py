"""The one upstream connection to a gateway, and the only place that imports ib_async."""

from ibmux.session.driver import Session
from ibmux.session.hooks import Hooks

__all__ = ["Hooks", "Session"]
