"""Which archives there are: one file for each month of UTC, beside the journal, found by its name.

`journal-2026-10.db` belongs to `journal.db`; `journal-2026-10-2.db` has what is at odds with the first (`archiving`). A
journal of another proxy may have such a name, too: what a file is, it tells itself (`opening.mark`).
"""

from __future__ import annotations

import calendar
import os
import re
import time
from pathlib import Path
from typing import NamedTuple

from ibmux.errors import JournalFailed
from ibmux.journal.opening import APPLICATION, ARCHIVE, mark
from ibmux.journal.trouble import worded

BESIDE = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite may have beside one of its own."""


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


def beside(path: Path) -> list[Path]:
    """Files that SQLite left beside this one."""
    return [each for ending in BESIDE if (each := path.with_name(f"{path.name}{ending}")).exists()]


def is_barred(path: Path) -> bool:
    """Whether no archive may lie here: it is another journal; or its file was moved away without what belongs to it,
    which SQLite would take for a part of the new one.
    """
    return mark(path) == APPLICATION if path.exists() else bool(beside(path))


def archives(journal: Path) -> list[Volume]:
    """All that there are, oldest first, damaged ones among them.

    Raises:
        JournalFailed: the folder cannot be read.
    """
    stem, suffix = re.escape(journal.stem), re.escape(journal.suffix)
    name = re.compile(rf"{stem}-(\d{{4}}-(?:0[1-9]|1[0-2]))(?:-([1-9]\d*))?{suffix}")
    try:
        with os.scandir(journal.parent) as entries:
            found = [(told, Path(each)) for each in entries if (told := name.fullmatch(each.name)) and each.is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise worded(error, journal) from error
    return sorted(Volume(told[1], int(told[2] or 1), each) for told, each in found if mark(each) != APPLICATION)


def expire(journal: Path, before: float) -> list[Path]:
    """Delete the archives whose month was over `before` this time (seconds UTC); which they were. What only has the
    name of one stays.

    Raises:
        JournalFailed: the folder cannot be read, or one not be deleted; the others are gone.
    """
    old = [each.path for each in archives(journal) if end_of(each.month) <= before and mark(each.path) == ARCHIVE]
    failed: JournalFailed | None = None
    gone = []
    for path in old:
        try:
            for each in (*beside(path), path):
                each.unlink(missing_ok=True)
            gone.append(path)
        except OSError as error:
            failed = worded(error, path)
    if failed is not None:
        raise failed
    return gone
