"""The states of a session and what leads from one to another: one table, no I/O.

`step` says the next state and the effects that the session carries out, in order. A pair that is not in the table is
illegal: it changes nothing, and the session counts it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ibmux.messages.session import State

Event = Literal[
    "start",  # somebody runs the session
    "connected",  # accounts and the next order id came: the API is up
    "absent",  # nothing listens there
    "opened",  # somebody listens there again
    "failed",  # the attempt to connect, or the first download, failed
    "in_use",  # another program holds our clientId (326)
    "unsuitable",  # not the login that the settings promise
    "synchronised",  # the first download is complete
    "lost",  # the socket broke
    "silent",  # the gateway answers nothing any more
    "cut",  # the gateway lost Interactive Brokers (1100, 2110)
    "restored",  # it is back, subscriptions were kept (1102)
    "restored_bare",  # it is back, subscriptions are gone (1101)
    "home",  # the first endpoint serves again while a fallback is in use
    "due",  # the pause is over
    "park",  # a person says: stay away
    "resume",  # a person says: go on
    "drain",  # the proxy stops
    "drained",  # the connection has ended
]
Effect = Literal[
    "dial",  # one attempt to connect
    "close",  # end the socket, and whatever runs on it
    "pause",  # fire `due` after a pause
    "knock",  # fire `opened` when somebody listens
    "download",  # take the first download (again)
    "fail_pending",  # answer every waiting request: not ready
    "lose_streams",  # market data and profit and loss have to be subscribed again
    "restore_streams",  # subscribe what was lost
]


class Step(NamedTuple):
    """Where an event leads, and what is to be done on the way."""

    state: State
    effects: tuple[Effect, ...] = ()


STATES: tuple[State, ...] = (
    "connecting", "syncing", "ready", "cut", "waiting", "standby", "parked", "draining", "stopped",
)  # fmt: skip
EVENTS: tuple[Event, ...] = (
    "start", "connected", "absent", "opened", "failed", "in_use", "unsuitable", "synchronised", "lost", "silent", "cut",
    "restored", "restored_bare", "home", "due", "park", "resume", "drain", "drained",
)  # fmt: skip

_GIVE_UP: tuple[Effect, ...] = ("fail_pending", "close", "lose_streams")
_RETRY = Step("waiting", (*_GIVE_UP, "pause"))
_LINKED: dict[Event, Step] = {
    "failed": _RETRY,
    "lost": _RETRY,
    "silent": _RETRY,
    "unsuitable": Step("parked", _GIVE_UP),
    "park": Step("parked", _GIVE_UP),
    "drain": Step("draining", _GIVE_UP),
}
"""What holds in every state with a socket."""
_HOME = Step("connecting", (*_GIVE_UP, "dial"))
_PAUSED: dict[Event, Step] = {
    "due": Step("connecting", ("dial",)),
    "resume": Step("connecting", ("dial",)),
    "park": Step("parked", ("close",)),
    "drain": Step("draining", ("close",)),
}
"""What holds while the next attempt is awaited."""

TABLE: dict[State, dict[Event, Step]] = {
    "stopped": {"start": Step("connecting", ("dial",))},
    "connecting": {
        **_LINKED,
        "absent": Step("waiting", (*_GIVE_UP, "knock")),
        "connected": Step("syncing", ("download",)),
        "in_use": Step("standby", (*_GIVE_UP, "pause")),
        "cut": Step("connecting"),
        "restored": Step("connecting"),
        "restored_bare": Step("connecting"),
    },
    "syncing": {
        **_LINKED,
        "synchronised": Step("ready", ("restore_streams",)),
        "cut": Step("cut", ("fail_pending",)),
        "restored": Step("syncing"),
        "restored_bare": Step("syncing", ("fail_pending", "lose_streams", "download")),
    },
    "ready": {
        **_LINKED,
        "cut": Step("cut", ("fail_pending",)),
        "restored": Step("syncing", ("fail_pending", "download")),
        "restored_bare": Step("syncing", ("fail_pending", "lose_streams", "download")),
        "home": _HOME,
    },
    "cut": {
        **_LINKED,
        "home": _HOME,
        "cut": Step("cut"),
        "restored": Step("syncing", ("download",)),
        "restored_bare": Step("syncing", ("lose_streams", "download")),
    },
    "waiting": {**_PAUSED, "opened": Step("connecting", ("dial",))},
    "standby": _PAUSED,
    "parked": {"resume": Step("connecting", ("dial",)), "drain": Step("draining", ("close",))},
    "draining": {"drained": Step("stopped"), "drain": Step("draining"), "lost": Step("draining")},
}


def step(state: State, event: Event) -> Step | None:
    """The next state and its effects; `None` if the event is illegal in this state."""
    return TABLE[state].get(event)
