"""Who subscribed to what: a tree of filters, and the routes read from it, remembered by topic.

Finding the subscribers of a topic costs a walk through the tree once; afterwards it is one dictionary lookup, until
someone subscribes or leaves. A route holds each session once, however many of its filters match (section 3.3.4: one
copy with the highest QoS and all identifiers).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ibmux.mqtt.filters import has_wildcard

Owner = TypeVar("Owner", bound=Hashable)

ROUTES_KEPT = 50_000
"""Topics whose routes are remembered; past it all are forgotten, for topics are a publisher's choice."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a subscriber asked for along with a filter."""

    qos: int = 0
    no_local: bool = False
    as_published: bool = False
    identifier: int | None = None


@dataclass(slots=True)
class Entry(Generic[Owner]):
    """One subscriber on a route, with the options of all its matching filters together."""

    owner: Owner
    qos: int
    no_local: bool
    as_published: bool
    ids: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """Whether it takes the same bytes as every other plain entry."""
        return not (self.as_published or self.ids)

    def join(self, options: Options) -> None:
        """Take in another matching filter of the same subscriber."""
        self.qos = max(self.qos, options.qos)
        self.no_local = self.no_local and options.no_local
        self.as_published = self.as_published or options.as_published
        if options.identifier is not None:
            self.ids += (options.identifier,)


class Group(Generic[Owner]):
    """A shared subscription: each message goes to one member, in turns."""

    __slots__ = ("_turn", "members")

    def __init__(self) -> None:
        self.members: dict[Owner, Options] = {}
        self._turn = 0

    def in_turn(self) -> list[tuple[Owner, Options]]:
        """All members, the one whose turn it is first."""
        members = list(self.members.items())
        self._turn = (self._turn + 1) % len(members)
        return members[self._turn :] + members[: self._turn]


class Node(Generic[Owner]):
    """One level of the tree."""

    __slots__ = ("below", "groups", "here")

    def __init__(self) -> None:
        self.below: dict[str, Node[Owner]] = {}
        self.here: dict[Owner, Options] = {}
        self.groups: dict[str, Group[Owner]] = {}

    @property
    def is_bare(self) -> bool:
        """Whether nothing hangs on it any more."""
        return not (self.below or self.here or self.groups)


@dataclass(frozen=True, slots=True)
class Route(Generic[Owner]):
    """Where messages of one topic go: plain entries as (owner, qos), the others whole, and groups.

    `silent` are those of the plain entries that do not want their own messages back.
    """

    plain: tuple[tuple[Owner, int], ...]
    special: tuple[Entry[Owner], ...]
    groups: tuple[Group[Owner], ...]
    silent: frozenset[Owner] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nobody listens."""
        return not (self.plain or self.special or self.groups)


class Subscriptions(Generic[Owner]):
    """All subscriptions, and the routes of the topics lately used."""

    def __init__(self) -> None:
        self._root: Node[Owner] = Node()
        self._routes: dict[str, Route[Owner]] = {}
        self.count = 0

    def add(self, pattern: str, owner: Owner, options: Options, group: str = "") -> bool:
        """Subscribe, or replace the options of a subscription; True if it is a new one."""
        node = self._root
        for level in pattern.split("/"):
            node = node.below.setdefault(level, Node())
        members = node.groups.setdefault(group, Group()).members if group else node.here
        fresh = owner not in members
        members[owner] = options
        self.count += fresh
        self._forget(pattern)
        return fresh

    def remove(self, pattern: str, owner: Owner, group: str = "") -> bool:
        """Unsubscribe; False if there was no such subscription."""
        path = [self._root]
        levels = pattern.split("/")
        for level in levels:
            node = path[-1].below.get(level)
            if node is None:
                return False
            path.append(node)
        if not _take(path[-1], owner, group):
            return False
        for level, parent, child in zip(reversed(levels), reversed(path[:-1]), reversed(path), strict=False):
            if not child.is_bare:
                break
            del parent.below[level]
        self.count -= 1
        self._forget(pattern)
        return True

    def route(self, topic: str) -> Route[Owner]:
        """Where a message of this topic goes."""
        route = self._routes.get(topic)
        if route is None:
            if len(self._routes) >= ROUTES_KEPT:
                self._routes.clear()
            route = self._routes[topic] = _build(self._match(topic))
        return route

    def _forget(self, pattern: str) -> None:
        if has_wildcard(pattern):
            self._routes.clear()
        else:
            self._routes.pop(pattern, None)

    def _match(self, topic: str) -> list[Node[Owner]]:
        levels = topic.split("/")
        hidden = topic.startswith("$")
        nodes, found = [self._root], []
        for depth, level in enumerate(levels):
            reached = []
            for node in nodes:
                below = node.below
                if depth or not hidden:
                    if (rest := below.get("#")) is not None:
                        found.append(rest)
                    if (one := below.get("+")) is not None:
                        reached.append(one)
                if (named := below.get(level)) is not None:
                    reached.append(named)
            if not reached:
                return found
            nodes = reached
        found += nodes
        found += [rest for node in nodes if (rest := node.below.get("#")) is not None]
        return found


def _take(node: Node[Owner], owner: Owner, group: str) -> bool:
    """Remove one subscription from its node."""
    if not group:
        return node.here.pop(owner, None) is not None
    shared = node.groups.get(group)
    if shared is None or shared.members.pop(owner, None) is None:
        return False
    if not shared.members:
        del node.groups[group]
    return True


def _build(nodes: list[Node[Owner]]) -> Route[Owner]:
    entries: dict[Owner, Entry[Owner]] = {}
    groups: list[Group[Owner]] = []
    for node in nodes:
        groups += node.groups.values()
        for owner, options in node.here.items():
            if (entry := entries.get(owner)) is not None:
                entry.join(options)
            else:
                ids = () if options.identifier is None else (options.identifier,)
                entries[owner] = Entry(owner, options.qos, options.no_local, options.as_published, ids)
    plain = tuple((entry.owner, entry.qos) for entry in entries.values() if entry.is_plain)
    special = tuple(entry for entry in entries.values() if not entry.is_plain)
    silent = frozenset(entry.owner for entry in entries.values() if entry.is_plain and entry.no_local)
    return Route(plain, special, tuple(groups), silent)
