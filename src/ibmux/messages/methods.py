"""The table of methods: name, arguments, reply, the role that it takes. `docs/api.md` is written from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

from ibmux.messages.wire import Input

Role = Literal["read", "cancel", "trade", "admin"]
ROLES: tuple[Role, ...] = ("read", "cancel", "trade", "admin")
"""Each role may do what the ones before it may."""


class Request(Input):
    """Base of all requests: the keyword arguments of one method."""


class Method(NamedTuple):
    """One entry of the table."""

    name: str
    request: type[Request]
    reply: Any
    role: Role


METHODS: dict[str, Method] = {}

R = TypeVar("R", bound=type[Request])


def method(*names: str, reply: Any, role: Role = "read") -> Callable[[R], R]:
    """Enter a request class under its name, and under others where ib_async has several names for one question."""

    def enter(request: R) -> R:
        for name in names:
            if name in METHODS:
                raise ValueError(f"two requests are called {name}")
            METHODS[name] = Method(name, request, reply, role)
        return request

    return enter


def may(role: Role, needed: Role) -> bool:
    """Whether a script of `role` may call a method that takes `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)
