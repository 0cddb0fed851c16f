"""The format of recordings: a line of JSON for each message, behind one that says what the file is.

A file named `….gz` is compressed. Times are real seconds since the recording began.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

FORMAT = 1
Kind = Literal["open", "in", "out", "close"]
"""A connection begins, the client says something, the gateway says something, the connection ends."""


class BadRecording(ValueError):
    """A file that is no recording, or not whole; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Attributes:
        at: seconds since the recording began.
        connection: counts the connections, from 1.
        kind: what it was.
        texts: the message's fields; for `open` the agreed server version and the connection time, for `close` who ended
            it.
    """

    at: float
    connection: int
    kind: Kind
    texts: list[str]


def _open(path: Path, mode: Literal["wt", "rt"]) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, mode, encoding="utf-8")
    return path.open(mode, encoding="utf-8")


class Writer:
    """Writes a recording; to be closed.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, began: str) -> None:
        self.entries = 0
        self._file = _open(path, "wt")
        self._write({"ibmux_recording": FORMAT, "began": began})

    def add(self, entry: Entry) -> None:
        """Append an entry."""
        self.entries += 1
        self._write([round(entry.at, 6), entry.connection, entry.kind, *entry.texts])

    def _write(self, line: object) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        """Bring to the disk what was added."""
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """The entries of a recording. A last line that was cut off (the recorder was killed) is left out.

    Raises:
        BadRecording: this is none.
        OSError: the file cannot be read.
    """
    with _open(path, "rt") as lines:
        try:
            first = json.loads(next(lines, ""))
            known = first["ibmux_recording"] == FORMAT
        except (ValueError, KeyError, TypeError, EOFError) as error:
            raise BadRecording(f"{path} is no recording of `ibmux sim --record`") from error
        if not known:
            raise BadRecording(f"{path} has format {first['ibmux_recording']}; this version reads {FORMAT}")
        yield from _entries(path, lines)


def _entries(path: Path, lines: IO[str]) -> Iterator[Entry]:
    number = 1
    try:
        for line in lines:
            number += 1
            if not line.endswith("\n"):
                return
            at, connection, kind, *texts = json.loads(line)
            yield Entry(float(at), int(connection), kind, [str(text) for text in texts])
    except EOFError:  # a compressed file without its end: what came before it is whole
        return
    except (ValueError, TypeError) as error:
        raise BadRecording(f"{path}, line {number}: not an entry of a recording") from error
