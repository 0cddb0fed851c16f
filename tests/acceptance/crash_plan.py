"""What happens in one run of a crash test: how much, how often, and to whom. The stage carries it out."""

from __future__ import annotations

from dataclasses import dataclass

GATEWAY_FAULTS = (
    "drop", "restart 0.3", "restart 0.3 roll=3", "silent 0.4", "freeze 0.3", "half_open seconds=0.3", "cut 0.3",
    "cut 0.3 told=lost", "hold_next 1", "delay_next 0.3", "roll_ids 5",
)  # fmt: skip
COMPANIES = {"alone": 5, "with the proxy": 3, "with a script": 1, "with the proxy and a script": 1}
"""Who dies in one instant with the gateway, and how often."""
RESUMING = (
    "at the open orders", "at the finished orders", "at the executions", "after the executions", "at a conclusion",
    "after a conclusion", "after the rest of a unit",
)  # fmt: skip
"""Points of a proxy that comes to terms with a gateway that is back."""


@dataclass(frozen=True)
class Plan:
    """How much happens.

    Attributes:
        gateway_faults: lines for the gateway while traders trade; one is chosen now and then.
        standing: lines that are in force from the beginning until nobody kills any more.
        trader_kills: how many traders are killed for each proxy.
        faults: how many of `gateway_faults` for each proxy.
        falls: of so many proxies one lives to see its gateway killed; 0: none.
    """

    seed: int
    kills: int
    orders: int
    traders: int = 8
    gateway_faults: tuple[str, ...] = GATEWAY_FAULTS
    standing: tuple[str, ...] = ()
    trader_kills: float = 0.25
    faults: float = 0.3
    falls: int = 4

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.kills} kills over {self.orders} orders of {self.traders} scripts"
