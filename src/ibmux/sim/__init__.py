"""A simulated gateway: a TCP server on which programs written for TWS and IB Gateway run unmodified."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ibmux.sim.settings import Settings

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway, serve
    from ibmux.sim.stats import Stats

__all__ = ["Settings", "SimulatedGateway", "Stats", "serve"]


def __getattr__(name: str) -> Any:
    """Load the server on first use: settings alone are read by programs that never start one."""
    if name in ("SimulatedGateway", "Stats", "serve"):
        return getattr(importlib.import_module(".server", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
