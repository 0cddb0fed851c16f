"""What the endpoint asks of its owner: who may connect, publish, subscribe, and what a slow client may miss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ibmux.mqtt.identity import Client, Credentials, Verdict, admit_anyone, allow_all
from ibmux.mqtt.outgoing import Lane
from ibmux.topics import is_market_data


def is_stream(topic: str) -> bool:
    """Whether a slow reader may miss the oldest messages of this topic: market data, whose holes the sequence shows."""
    return "/md/" in topic


def nobody_cares(_client_id: str, _username: str) -> None:
    """Let clients go without telling anyone."""


def no_response_info(_client: Client) -> str | None:
    """Tell clients nothing about response topics."""
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The decisions of the endpoint's owner; each is a plain function that answers at once.

    Attributes:
        authenticate: grants or refuses a CONNECT; may raise `identity.ConnectRefused`.
        authorize_publish: whether the client may publish to the topic.
        authorize_subscribe: whether it may subscribe to the filter (without `$share/<group>/`).
        conflate: topics of which a slow client gets the latest message only.
        droppable: topics of which a slow client may miss the oldest messages.
        on_client_gone: told of each client whose connection ended for good; not when it took over its own session.
        response_info: what a client that asks for it is told to build its response topics from.
    """

    authenticate: Callable[[Credentials], Verdict] = admit_anyone
    authorize_publish: Callable[[Client, str], bool] = allow_all
    authorize_subscribe: Callable[[Client, str], bool] = allow_all
    conflate: Callable[[str], bool] = is_market_data
    droppable: Callable[[str], bool] = is_stream
    on_client_gone: Callable[[str, str], None] = nobody_cares
    response_info: Callable[[Client], str | None] = no_response_info

    def lane(self, topic: str) -> Lane:
        """What happens to messages of this topic that a slow client does not take."""
        if self.conflate(topic):
            return "fold"
        return "drop" if self.droppable(topic) else "keep"
