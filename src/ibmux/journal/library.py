"""The journal and its archives, read as one. Blocks, as `reading` does."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

import msgspec

from ibmux.journal.ledger import Standing
from ibmux.journal.months import Volume, archives
from ibmux.journal.reading import ALL, END, PAGE, Filter, Reader
from ibmux.journal.records import Record
from ibmux.journal.trouble import worded

_SUMMARY = """
SELECT (SELECT coalesce(max(seq), 0) FROM records) - (SELECT coalesce(sum(last - first + 1), 0) FROM pruned),
  coalesce((SELECT time FROM records ORDER BY seq LIMIT 1), 0.0),
  coalesce((SELECT time FROM records ORDER BY seq DESC LIMIT 1), 0.0)
"""
"""How many records there are, without reading them, and the times of the first and the last one."""
LEAST = 20
"""Records that are read at once, at least, of each file."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One archive in short.

    Attributes:
        month: that of the last records of its orders, as `2026-10`, in UTC.
        records: how many there are.
        start, end: times of the first and the last one, seconds UTC.
        size: bytes.
    """

    path: str
    month: str
    records: int
    start: float
    end: float
    size: int


class Library:
    """One journal's file, and if wanted its archives; a context manager.

    A record that is in several files, where retention was interrupted, comes once. What retention takes from the
    journal meanwhile comes, too: it is in an archive before, so that each is read after the journal.

    Args:
        journal: the file.
        with_archives: whether those beside it belong to what is read.

    Raises (here and in every method):
        JournalCorrupt: a file is damaged, or no journal.
        JournalFailed: a file is not there, or cannot be read.
    """

    def __init__(self, journal: Path, *, with_archives: bool = False) -> None:
        self.with_archives = with_archives
        self.journal = Reader(journal)  # of the file which is written
        self._open: dict[tuple[Path, int], Reader] = {}
        with ExitStack() as opened:
            opened.callback(self.close)
            self._archives()
            opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all files."""
        for each in (self.journal, *self._open.values()):
            each.close()

    @property
    def readers(self) -> list[Reader]:
        """The journal's, then those of the archives that there are now, newest first."""
        return [self.journal, *self._archives()]

    def every(self, wanted: Filter = ALL) -> Iterator[Record]:
        """All of them, in the order of their numbers."""
        since, end = 0, 0
        while end < END:
            page = self.journal.records(since, PAGE, wanted)
            end = page[-1].seq + 1 if len(page) == PAGE else END
            old = [each.every(wanted, since, self._page(), end) for each in self._archives()]
            yield from _merged([iter(page), *old], reverse=False)
            since = end - 1

    def backwards(self, wanted: Filter = ALL) -> Iterator[Record]:
        """All of them, against the order of their numbers."""
        since, end = END, END
        while since > 0:
            page = self.journal.before(end, PAGE, wanted)
            since = page[-1].seq - 1 if len(page) == PAGE else 0
            old = [each.backwards(wanted, self._page(), since, end) for each in self._archives()]
            yield from _merged([iter(page), *old], reverse=True)
            end = since + 1

    def find(self, gateway: str, script: str, key: str) -> Standing | None:
        """One order, as the newest file that tells more than its fills has it; `None` if there is none of this key."""
        name = gateway, script, key
        found = _standings([self.journal, *self._open.values()], *name) or _standings(self._archives(), *name)
        return next((each for each in found if each.intent or each.body), next(iter(found), None))

    def _archives(self) -> list[Reader]:
        """Those that there are now. A file that was moved away while it is open is read on by nobody."""
        there = archives(self.journal.path)[::-1] if self.with_archives else []
        return [self._reader(each.path) for each in there]

    def _reader(self, path: Path) -> Reader:
        try:
            name = path, path.stat().st_ino
        except OSError as error:
            raise worded(error, path) from error
        if name not in self._open:
            self._open[name] = Reader(path)
        return self._open[name]

    def _page(self) -> int:
        return max(LEAST, PAGE // (len(self._open) + 1))


def _standings(readers: Iterable[Reader], gateway: str, script: str, key: str) -> list[Standing]:
    return [each for reader in readers if (each := reader.find(gateway, script, key)) is not None]


def summaries(journal: Path) -> list[Summary]:
    """All archives of a journal, oldest first.

    Raises:
        JournalCorrupt: one is damaged, or no journal.
        JournalFailed: one cannot be read.
    """
    found = []
    for volume in archives(journal):
        with Reader(volume.path) as reader:
            [made] = reader.rows(_SUMMARY, [], partial(_to_summary, volume))
            found.append(made)
    return found


def _to_summary(volume: Volume, row: tuple[Any, ...]) -> Summary:
    records, start, end = row
    size = volume.path.stat().st_size
    return Summary(path=str(volume.path), month=volume.month, records=records, start=start, end=end, size=size)


def _merged(streams: Iterable[Iterator[Record]], *, reverse: bool) -> Iterator[Record]:
    """In the order of their numbers, each record once. Two records of one number are of a journal that began anew."""
    alike: list[Record] = []
    for record in heapq.merge(*streams, key=lambda each: each.seq, reverse=reverse):
        if alike and alike[0].seq != record.seq:
            alike = []
        if record not in alike:
            alike.append(record)
            yield record
