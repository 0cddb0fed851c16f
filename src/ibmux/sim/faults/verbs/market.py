"""What happens to the market as a whole: prices that fall or rise together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from ibmux.sim.faults.verbs.kind import Seconds

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway


def to_change(text: str) -> float:
    """A change in per cent: `-7%`, `+2.5%`.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"([+-]\d+(?:\.\d+)?)%", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no change: write -7% or +2.5%")
    return float(found[1]) / 100


def shock(gateway: SimulatedGateway, change: Annotated[float, to_change], seconds: Seconds = 60.0) -> str:
    """Let prices of all shares, indices and futures change by so much (-7%) within that time; they do not come back."""
    gateway.world.universe.shocks.add(gateway.clock.now(), change, seconds)
    return gateway.faults.note("shock", f"prices change by {change:+.1%} within {seconds:g} s")


ACTS = (shock,)
