"""A trader's diary: every entry one JSON line, added in one write, so that a killed trader knows where it was.

The diary is the trader's only memory: what it had begun, which numbers it has heard, what it was told.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


class Diary:
    """The file, and what it said when it was opened.

    Attributes:
        seq: the highest number of an event that is written down.
        begun, ended: numbers of the jobs.
        changed: keys of orders that were to be changed.
    """

    def __init__(self, path: Path) -> None:
        self.seq = 0
        self.begun: set[int] = set()
        self.ended: set[int] = set()
        self.changed: set[str] = set()
        for entry in read(path):
            self._note(entry)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind: str, *, durable: bool = False, **entry: Any) -> None:
        """Add an entry; `durable`: it is on the disk when this returns."""
        entry = {"kind": kind, "time": time.time(), **entry}
        self._note(entry)
        os.write(self._file, json.dumps(entry).encode() + b"\n")
        if durable:
            os.fsync(self._file)

    def _note(self, entry: dict[str, Any]) -> None:
        self.seq = max(self.seq, entry.get("seq", 0))
        match entry["kind"]:
            case "begin":
                self.begun.add(entry["job"])
            case "end":
                self.ended.add(entry["job"])
            case "ask" if entry["method"] == "modifyOrder":
                self.changed.update(entry["keys"])


def read(path: Path) -> list[dict[str, Any]]:
    """All entries; an unfinished last line is none."""
    if not path.exists():
        return []
    *lines, _ = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines]
