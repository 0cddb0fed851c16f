"""One thing that the doctor found: how bad it is, what it is about, and what to do about it."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["ok", "note", "warning", "problem"]


class Finding(msgspec.Struct, frozen=True):
    """`note` needs no action; a warning and a problem each have a `remedy`. A problem keeps the proxy from its work."""

    level: Level
    subject: str
    text: str
    remedy: str = ""


def ok(subject: str, text: str) -> Finding:
    """As it should be."""
    return Finding("ok", subject, text)


def note(subject: str, text: str, remedy: str = "") -> Finding:
    """Worth knowing."""
    return Finding("note", subject, text, remedy)


def warning(subject: str, text: str, remedy: str) -> Finding:
    """Works, and may not go on to."""
    return Finding("warning", subject, text, remedy)


def problem(subject: str, text: str, remedy: str) -> Finding:
    """Does not work."""
    return Finding("problem", subject, text, remedy)
