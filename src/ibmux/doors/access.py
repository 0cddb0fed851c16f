"""Who a client is and which topics it may use at the embedded endpoint. Pure: settings and names in, yes or no out.

A script cannot speak as another: the name in the topic must be the authenticated one.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from ibmux import topics
from ibmux.config import Config
from ibmux.messages import Role


class Identity(NamedTuple):
    """A script's name and what it may do."""

    script: str
    role: Role


def identify(config: Config, client_id: str, username: str, password: bytes) -> Identity | None:
    """The script behind a connection: its user name, else its client id. None if it is not let in.

    A script with a token in `proxy.toml` must show it as password.
    """
    name = username or client_id
    known = config.scripts.get(name)
    if known is None:
        return Identity(name, config.default_role) if topics.is_script_name(name) else None
    if known.token and not hmac.compare_digest(known.token.encode(), password):
        return None
    return Identity(name, known.role)


def role_of(config: Config, script: str) -> Role:
    """The role of a script by its name alone: what a broker's own access rules vouch for."""
    known = config.scripts.get(script)
    return known.role if known else config.default_role


def may_publish(script: str, topic: str) -> bool:
    """Whether a script may publish here: its own requests and its own presence."""
    levels = topic.split("/")
    if len(levels) == 6 and levels[3] == "req":
        return topic.startswith(f"{topics.ROOT}/") and levels[4] == script
    return len(levels) == 5 and topic.startswith(f"{topics.ROOT}/scripts/{script}/")


def may_subscribe(identity: Identity, pattern: str) -> bool:
    """Whether a script may subscribe: everything but the requests and the replies of others."""
    if identity.role == "admin":
        return True
    levels = pattern.split("/")
    if levels[0] == "$share":
        levels = levels[2:]
    return not any(_covers(levels, kind, identity.script) for kind in ("req", "rep"))


def _covers(levels: list[str], kind: str, script: str) -> bool:
    """Whether a filter could match a `kind` topic of somebody else: `<root>/<gateway>/<kind>/<script>/...`."""
    fixed = [*topics.ROOT.split("/"), "", kind]
    for position, level in enumerate(levels[:5]):
        if level == "#":
            return True
        if position == 4:
            return level != script
        if fixed[position] and level not in ("+", fixed[position]):
            return False
    return False
