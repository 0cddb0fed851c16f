"""Which archives there are: one file for each month of UTC, beside the journal, found by its name. Opens none.

`journal-2026-10.db` belongs to `journal.db`; `journal-2026-10-2.db` has what is at odds with the first (`archiving`).
"""

from __future__ import annotations

import calendar
import re
import time
from pathlib import Path
from typing import NamedTuple

from ibmux.journal.opening import APPLICATION
from ibmux.journal.trouble import worded

BESIDE = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite may have beside one of its own."""
_MARK = slice(68, 72)
"""Where SQLite has its application_id (https://www.sqlite.org/fileformat.html, 1.3)."""


class Volume(NamedTuple):
    """One archive: its month as `2026-10`, and which one of that month it is, from 1."""

    month: str
    number: int
    path: Path


def month_of(moment: float) -> str:
    """The month of a time in seconds UTC."""
    return time.strftime("%Y-%m", time.gmtime(max(0.0, moment)))


def end_of(month: str) -> float:
    """When a month is over, seconds UTC."""
    year, number = map(int, month.split("-"))
    return float(calendar.timegm((year + number // 12, number % 12 + 1, 1, 0, 0, 0)))


def place(journal: Path, month: str, number: int = 1) -> Path:
    """Where an archive of this journal lies."""
    return journal.with_name(f"{journal.stem}-{month}{f'-{number}' if number > 1 else ''}{journal.suffix}")


def archives(journal: Path) -> list[Volume]:
    """All that there are, oldest first.

    Raises:
        JournalFailed: the folder cannot be read.
    """
    stem, suffix = re.escape(journal.stem), re.escape(journal.suffix)
    name = re.compile(rf"{stem}-(\d{{4}}-(?:0[1-9]|1[0-2]))(?:-([1-9]\d*))?{suffix}")
    try:
        found = [(name.fullmatch(each.name), each) for each in journal.parent.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise worded(error, journal) from error
    return sorted(Volume(told[1], int(told[2] or 1), each) for told, each in found if told and each.is_file())


def expire(journal: Path, before: float) -> list[Path]:
    """Delete the archives whose month was over `before` this time (seconds UTC); which they were.

    Raises:
        JournalFailed: one cannot be read or deleted.
    """
    gone = [each.path for each in archives(journal) if end_of(each.month) <= before]
    for path in gone:
        try:
            if not _is_ours(path):
                continue
            for ending in BESIDE:
                path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        except OSError as error:
            raise worded(error, path) from error
    return [path for path in gone if not path.exists()]


def _is_ours(path: Path) -> bool:
    """Whether it is a journal, and not something else of that name."""
    with path.open("rb") as file:
        return file.read(_MARK.stop)[_MARK] == APPLICATION.to_bytes(4, "big")
