"""The gateway's own record of who connected when and which faults were in force: a witness for tests and people.

It keeps the newest events in memory, hands each to listeners, and can write them to a file as JSON lines.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TextIO

KEPT = 20_000
"""Events kept in memory; beyond them the oldest is forgotten (the file keeps all)."""

CONNECTION_KINDS = ("attempt", "spoke", "greeted", "started", "refused", "closed")
KINDS = (*CONNECTION_KINDS, "listening", "deaf", "fault", "lifted", "act", "step", "error", "behind")


class Entry(NamedTuple):
    """One event.

    Attributes:
        at: the simulated instant, epoch seconds.
        real: the same in real time, on the monotonic clock of the process (seconds).
        kind: `attempt` (a socket was accepted), `spoke` (its first bytes came), `greeted` (versions agreed), `started`
            (startApi accepted), `refused`, `closed`; `listening` and `deaf` (the port opens and closes); `fault` and
            `lifted`, `act` (what does not last); `step` (of a scenario), `error` (a step that failed); `behind` (a fast
            clock had ticks left out).
        connection: the number of the socket, from 1; 0 where none is concerned.
        client: the clientId, None before startApi.
        text: the reason, or what was done.
        by: who ended the connection, `client` or `gateway`.
    """

    at: float
    real: float
    kind: str
    connection: int = 0
    client: int | None = None
    text: str = ""
    by: str = ""


class Log:
    """Events of one gateway, the oldest first.

    Args:
        clock: gives the simulated present as epoch seconds.
        path: where to add the events as JSON lines, too; None: nowhere.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, clock: Callable[[], float], path: Path | None = None) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._listeners: list[Callable[[Entry], object]] = []
        self._path = path
        self._file: TextIO | None = None
        self._open()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def add(self, kind: str, text: str = "", *, connection: int = 0, client: int | None = None, by: str = "") -> None:
        """Note an event, now."""
        entry = Entry(self._clock(), time.monotonic(), kind, connection, client, text, by)
        self._entries.append(entry)
        self._open()
        if self._file is not None:
            self._file.write(f"{as_json(entry)}\n")
            self._file.flush()
        for listener in self._listeners:
            listener(entry)

    def _open(self) -> None:
        """Open the file, at the start and when a gateway that was closed starts again."""
        if self._path is not None and self._file is None:
            self._file = self._path.open("a", encoding="utf-8")

    def listen(self, listener: Callable[[Entry], object]) -> None:
        """Call `listener` with every event from now on."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[Entry], object]) -> None:
        """Call `listener` no more."""
        self._listeners.remove(listener)

    def of(self, *kinds: str) -> list[Entry]:
        """The events of these kinds."""
        return [entry for entry in self._entries if entry.kind in kinds]

    def most_at_once(self) -> int:
        """The highest number of sockets that were open at the same time."""
        most = 0
        is_open: set[int] = set()
        for entry in self._entries:
            if entry.kind == "attempt":
                is_open.add(entry.connection)
                most = max(most, len(is_open))
            elif entry.kind == "closed":
                is_open.discard(entry.connection)
        return most

    def pauses(self) -> list[float]:
        """Real seconds from the end of each socket to the next attempt; an attempt beside an open socket counts as 0.

        Attempts while the port is closed are refused by the kernel: nobody here sees them.
        """
        found: list[float] = []
        is_open: set[int] = set()
        ended: float | None = None
        for entry in self._entries:
            if entry.kind == "attempt":
                if is_open or ended is not None:
                    found.append(0.0 if is_open or ended is None else entry.real - ended)
                is_open.add(entry.connection)
            elif entry.kind == "closed":
                is_open.discard(entry.connection)
                ended = entry.real
        return found

    def intervals(self) -> list[float]:
        """Real seconds from each attempt to the next one."""
        at = [entry.real for entry in self._entries if entry.kind == "attempt"]
        return [after - before for before, after in pairwise(at)]

    def close(self) -> None:
        """Close the file until the next event; the events stay readable."""
        if self._file is not None:
            self._file.close()
            self._file = None


def as_json(entry: Entry) -> str:
    """An event as one line of JSON, with the simulated instant as text beside the numbers."""
    known = {name: value for name, value in entry._asdict().items() if value not in ("", 0, None)}
    known["time"] = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")
    return json.dumps(known)
