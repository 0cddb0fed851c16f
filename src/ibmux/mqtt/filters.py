"""Topic names and topic filters: what is valid, what matches (MQTT 5, section 4.7 and 4.8)."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_LEVELS = 200
"""Levels of a name or filter; the specification sets no bound, but each level costs memory (so bounds mosquitto)."""

SHARE = "$share/"


def is_name(topic: str) -> bool:
    """Whether a message may be published to this."""
    return topic != "" and "+" not in topic and "#" not in topic and "\0" not in topic and topic.count("/") < MAX_LEVELS


def is_filter(pattern: str) -> bool:
    """Whether this may be subscribed to; `$share/<group>/` must have been taken off before."""
    if not pattern or "\0" in pattern or pattern.count("/") >= MAX_LEVELS:
        return False
    if "+" not in pattern and "#" not in pattern:
        return True
    levels = pattern.split("/")
    if any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        return False
    return all(level == "+" or "+" not in level for level in levels)


def has_wildcard(pattern: str) -> bool:
    """Whether the filter may match more than one topic."""
    return "+" in pattern or "#" in pattern


def split_share(pattern: str) -> tuple[str, str]:
    """Group and filter of `$share/<group>/<filter>`; the group is empty for an ordinary filter.

    Raises:
        ValueError: it begins like a shared subscription and is none.
    """
    if not pattern.startswith(SHARE):
        return "", pattern
    group, slash, rest = pattern[len(SHARE) :].partition("/")
    if not group or not slash or not rest or has_wildcard(group):
        raise ValueError(f"{pattern!r} is not a shared subscription")
    return group, rest


def compile_filter(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a topic matches; names that begin with `$` do not match a leading wildcard."""
    if not has_wildcard(pattern):
        return pattern.__eq__
    levels = pattern.split("/")
    guard = r"(?!\$)" if levels[0] in ("+", "#") else ""
    rest = levels[:-1] if levels[-1] == "#" else levels
    body = "/".join("[^/]*" if level == "+" else re.escape(level) for level in rest)
    if levels[-1] == "#":
        body = f"{body}(?:/.*)?" if rest else ".*"
    fits = re.compile(guard + body, re.DOTALL).fullmatch
    return lambda topic: fits(topic) is not None
