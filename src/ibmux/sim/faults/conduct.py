"""How the gateway behaves at present, apart from what it knows: what faults change and everything else looks at.

Plain data. A fresh `Conduct` is a gateway without faults.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ANSWER, RESET, SILENT, SILENT_API, SLAM = "answer", "reset", "silent", "silent_api", "slam"
GREETINGS = (ANSWER, RESET, SILENT, SILENT_API, SLAM)


@dataclass(slots=True)
class Conduct:
    """The present behaviour.

    Attributes:
        greeting: how new connections are met: answered; reset at once; accepted and never answered (`silent`); never
            answered after the version (`silent_api`); closed `slam_after` seconds after startApi (`slam`).
        frozen: the program stands still: sockets are accepted by the system alone, nothing is read or sent.
        full: no further client is let in.
        read_only: requests about orders are refused (321).
        accounts: the names that clients are told instead of the real ones.
        messages_per_second: the rate that is allowed, with the number of breaches that end a session.
        cut: there is no connection to Interactive Brokers.
        shut: why the port is closed; it opens when nothing is left.
        farms: data farms that are not well, by name, with their state.
    """

    greeting: str = ANSWER
    slam_after: float = 0.5
    frozen: bool = False
    full: bool = False
    read_only: bool = False
    accounts: tuple[str, ...] = ()
    messages_per_second: int | None = None
    breaches: int = 3
    cut: bool = False
    shut: set[str] = field(default_factory=set)
    farms: dict[str, str] = field(default_factory=dict)
