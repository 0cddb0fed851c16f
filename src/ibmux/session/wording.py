"""What a session says of itself, in sentences for people: what is the case, what ibmux does, what a person could do.

How an attempt ended is worded in `core.verdicts`.
"""

from __future__ import annotations

from typing import NamedTuple

from ibmux.config import GatewaySettings
from ibmux.messages.session import State
from ibmux.places import Endpoint


class Words(NamedTuple):
    """The three sentences of a state; what a failure or the gateway itself said comes before `reason` and `advice`."""

    reason: str
    action: str = ""
    advice: str = ""


_STATES: dict[State, Words] = {
    "connecting": Words(
        "Connecting to {place} as client {client}.", "One attempt, on one socket, for at most {connect:g} seconds."
    ),
    "syncing": Words(
        "Connected to {place} as client {client}.",
        "Downloads positions, account values, orders and executions; requests are answered once all of it is here.",
    ),
    "ready": Words("Ready."),
    "cut": Words(
        "The gateway lost its connection to Interactive Brokers.",
        "Keeps the connection and waits for the gateway; asks every {probe:g} seconds whether data flow again. Orders "
        "and questions are turned away meanwhile.",
        "Mostly nothing: Interactive Brokers resets every night. After a quarter of an hour look at the gateway's "
        "window.",
    ),
    "waiting": Words(
        "The connection ended.",
        "Leaves the gateway alone and tries again after the pause.",
        "Mostly nothing: gateways restart every night. If it does not come back, look at its window and its machine.",
    ),
    "standby": Words(
        "Another program is connected as client {client}.",
        "Stands by and tries again after the pause, always as client {client}.",
        "End the other program, or give that one another clientId: orders belong to the one that ibmux uses.",
    ),
    "parked": Words("Parked by hand.", "Stays away from the gateway until a person says `ibmux unpark`."),
    "draining": Words("The proxy is stopping.", "Answers what waits, then closes the connection."),
    "stopped": Words("Stopped."),
}
_KNOCKING = (
    "Knocks at the port twice a second; a gateway that opens it gets {settle:g} seconds to settle before it is spoken "
    "to."
)


def words(state: State, settings: GatewaySettings, place: Endpoint, *, knocking: bool = False) -> Words:
    """What can be said of a state if nothing more is known; `knocking`: nothing listens."""
    facts = {
        "place": place, "client": settings.client_id, "connect": settings.connect_timeout, "settle": settings.settle,
        "probe": settings.probe,
    }  # fmt: skip
    reason, action, advice = (text.format(**facts) for text in _STATES[state])
    return Words(reason, _KNOCKING.format(**facts) if knocking else action, advice)


def settling(settings: GatewaySettings, place: Endpoint) -> Words:
    """The gateway has just opened its port."""
    return Words(
        f"{place} has just begun to listen.",
        f"Holds its one socket and says nothing until the gateway has had {settings.settle:g} seconds to settle: "
        "requests in a gateway's first minute can wedge it.",
    )
