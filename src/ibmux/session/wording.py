"""What a session says of itself, in sentences for people."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ibmux.config import GatewaySettings
from ibmux.messages.session import State

_REASONS: dict[State, str] = {
    "connecting": "Connecting to {place} as client {client}.",
    "syncing": "Connected; downloading positions, account values and orders.",
    "ready": "Ready.",
    "cut": "The gateway lost its connection to Interactive Brokers; it reconnects by itself.",
    "waiting": "The connection ended; the next attempt follows.",
    "standby": "Another program is connected as client {client}.",
    "parked": "Parked by hand; `resume` ends it.",
    "draining": "The proxy is stopping.",
    "stopped": "Stopped.",
}


def reason(state: State, settings: GatewaySettings) -> str:
    """Why a session is in this state, if nothing more is known."""
    return _REASONS[state].format(place=place(settings), client=settings.client_id)


def place(settings: GatewaySettings) -> str:
    """Host and port."""
    return f"{settings.host}:{settings.port}"


def ready(missing: Sequence[str]) -> str:
    """Ready, and what the gateway left out of the first download."""
    return f"Ready, but the gateway gave {'; '.join(missing)}." if missing else "Ready."


def in_use(settings: GatewaySettings, text: str) -> str:
    """Another program holds our clientId."""
    return (
        f"Another program is connected to {place(settings)} as client {settings.client_id}, or a connection that just "
        "ended still holds the id. ibmux keeps to it, because orders belong to it, and tries again. "
        f"The gateway says (326): {text}"
    )


def silent(settings: GatewaySettings) -> str:
    """The port takes connections and nobody answers."""
    return (
        f"{place(settings)} takes connections but does not answer within {settings.connect_timeout:g} seconds: a login "
        "or a dialog may be open there, or this machine's address is not trusted."
    )


def unreachable(settings: GatewaySettings, error: OSError) -> str:
    """No connection, or it ended before the API was up."""
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return f"Cannot connect to {place(settings)}: {why}. Is the gateway running and logged in, and its API port open?"


def unsuitable(settings: GatewaySettings, kind: str, accounts: Sequence[str]) -> str:
    """Why this login is not the one that the settings promise; empty if it is."""
    listed = ", ".join(accounts)
    if settings.kind and settings.kind != kind:
        return (
            f"proxy.toml promises a {settings.kind} login at {place(settings)}, but its accounts are {kind}: {listed}."
        )
    missing = [account for account in settings.accounts if account not in accounts]
    if missing:
        return f"The login at {place(settings)} has no account {', '.join(missing)}; it has {listed}."
    return ""
