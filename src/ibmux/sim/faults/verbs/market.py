"""What happens to the market: prices that fall or rise together, streams that die without a word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from ibmux.sim.faults.verbs.kind import FaultError, Seconds, count_of

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway


STREAMS = ("all", "quotes", "ticks", "depth", "bars")


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


def deaden(gateway: SimulatedGateway, what: str = "all") -> str:
    """Let the present streams of a kind (`quotes`, `ticks`, `depth`, `bars`), of a symbol (`AAPL`) or `all` die without
    a word: they stay open and send nothing more. New requests work.
    """
    count = gateway.feed.deaden(what)
    if not count and what not in STREAMS:
        raise FaultError(f"deaden: nothing is streamed of {what!r}; kinds are {', '.join(STREAMS)}")
    return gateway.faults.note("deaden", f"{count_of(count, 'stream')} dead")


ACTS = (shock, deaden)
