"""What the gateway's program has taken and not passed on yet, kept where it can be read after its death."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import NamedTuple

_FORM = struct.Struct("<qqq")


class Held(NamedTuple):
    """Bytes on the way to Interactive Brokers, orders among them, bytes on the way to the proxy."""

    up: int = 0
    orders: int = 0
    down: int = 0


class Hands:
    """The numbers of one life, in a file; they begin anew."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(_FORM.pack(*Held()))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FORM.size)
        self.held = Held()

    def add(self, *, up: int = 0, orders: int = 0, down: int = 0) -> None:
        """Take something, or pass it on (less than nothing)."""
        self.held = Held(self.held.up + up, self.held.orders + orders, self.held.down + down)
        _FORM.pack_into(self._map, 0, *self.held)


def read(path: Path) -> Held:
    """What the last life had in its hands when it ended."""
    return Held(*_FORM.unpack(path.read_bytes()))
