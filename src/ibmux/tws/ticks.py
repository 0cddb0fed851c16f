"""Ticks as bytes, without the detour over a layout: what a streaming line sends thousands of times a second."""

from __future__ import annotations

from .framing import pack_length

OPTION_COMPUTATION = 21


class TickEncoder:
    """Writes the ticks of one market-data request (`reqId`); the parts that never change are encoded once."""

    __slots__ = ("_heads", "_price_heads", "_req_id", "_size_heads")

    def __init__(self, req_id: int) -> None:
        self._req_id = req_id
        self._heads: dict[tuple[int, int], bytes] = {}
        self._price_heads: dict[int, bytes] = {}
        self._size_heads: dict[int, bytes] = {}

    def price(self, tick_type: int, price: str, size: str, attrib: int = 0) -> bytes:
        """Return a framed tickPrice; price and size are given as their wire text."""
        head = self._price_heads.get(tick_type)
        if head is None:
            head = self._price_heads[tick_type] = b"1\x006\0%d\0%d\0" % (self._req_id, tick_type)
        body = head + b"%b\0%b\0%d\0" % (price.encode(), size.encode(), attrib)
        return pack_length(len(body)) + body

    def size(self, tick_type: int, size: str) -> bytes:
        """Return a framed tickSize; the size is given as its wire text."""
        head = self._size_heads.get(tick_type)
        if head is None:
            head = self._size_heads[tick_type] = b"2\x006\0%d\0%d\0" % (self._req_id, tick_type)
        body = head + b"%b\0" % size.encode()
        return pack_length(len(body)) + body

    def put(self, number: int, tick_type: int, tail: bytes) -> bytes:
        """Return a framed tick: message 1, 2, 45, 46 or 21; `tail` are the fields after the type, each ended by NUL.

        A tail is written once for all the requests that get the tick.
        """
        head = self._heads.get((number, tick_type))
        if head is None:
            version = b"" if number == OPTION_COMPUTATION else b"6\0"
            head = self._heads[number, tick_type] = b"%d\0%b%d\0%d\0" % (number, version, self._req_id, tick_type)
        return pack_length(len(head) + len(tail)) + head + tail
