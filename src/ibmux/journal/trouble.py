"""What SQLite and the system say of the file, in ibmux's errors: the one place where theirs are translated."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from ibmux.errors import JournalCorrupt, JournalFailed

UNFIT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)
"""Errors of what was to be written, whatever the disk says; `UnicodeError` is a `ValueError`. A key that is taken is
one of them, see `is_taken`.
"""

_PRIMARY = 0xFF
"""The part of SQLite's result codes that names the kind (https://www.sqlite.org/rescode.html)."""
_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_READONLY: "the file or its file system is read-only",
    sqlite3.SQLITE_BUSY: "another program holds the file locked",
    sqlite3.SQLITE_LOCKED: "another program holds the file locked",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PERM: "the file may not be opened",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
}
_HINTS = {
    sqlite3.SQLITE_FULL: "Make room on the disk; the journal goes on by itself. Cancels still pass.",
    sqlite3.SQLITE_BUSY: "End the program that has the file open for writing (sqlite3, a backup); reading is free.",
}
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def worded(error: sqlite3.Error | OSError, path: Path, hint: str | None = None) -> JournalFailed:
    """What happened to the journal's file, for whoever wanted to write it, or with a `hint` to read it."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename and str(error.filename) != str(path) else ""
        return JournalFailed(f"The journal {path}: {where}{os.strerror(error.errno or 0)}.", hint=hint)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code in _CORRUPT:
        return damaged(path, str(error))
    name = getattr(error, "sqlite_errorname", "")
    told = f"{error}, {name}" if name else str(error)
    return JournalFailed(
        f"The journal {path}: {_WORDS.get(code, 'SQLite refused')} ({told}).",
        hint=hint or _HINTS.get(code),
    )


def damaged(path: Path, told: str) -> JournalCorrupt:
    """The file is no journal, or no longer a whole one."""
    return JournalCorrupt(f"The journal {path} is damaged, or is no journal: {told}.")


def is_taken(error: Exception) -> bool:
    """Whether the schema's own rule refused an intent: there is an order of its key (trigger `advance_order`)."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER


def unfit(error: Exception) -> JournalFailed:
    """A record that no file could take."""
    kind = JournalFailed(
        f"This cannot be journalled: {error}.",
        hint="An argument is too large, or is text that is not Unicode: correct it and ask again.",
    )
    kind.__cause__ = error
    return kind
