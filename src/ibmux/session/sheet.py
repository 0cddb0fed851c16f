"""A new order's message, written while its intent goes to the disk; only numbers and mark are put in when it is sent.

Most of an order's way from the disk to the socket was the writing of its hundred fields.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ib_async.client import Client

from ibmux.messages.contracts import Contract
from ibmux.messages.orders import Order
from ibmux.session.translate import to_contract
from ibmux.session.translate_orders import to_order
from ibmux.session.wire import pack, texts_of

_NUMBER, _PARENT, _MARK = 2_147_480_001, 2_147_480_002, "\x1amark\x1a"
"""What stands for the order's own number, its parent's, and its `orderRef` until they are known."""


class Pen(Client):
    """ib_async's writer of messages, which keeps the fields instead of sending them."""

    def __init__(self, version: int) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call]
        self._serverVersion = version
        self.fields: tuple[Any, ...] = ()

    def send(self, *fields: Any, makeEmpty: bool = True) -> None:
        """Keep the fields of one message."""
        self.fields = fields


_pen = lru_cache(maxsize=8)(Pen)


class Sheet:
    """One order for a gateway of one version of the protocol. Without an order nothing is written ahead."""

    def __init__(self, contract: Contract, order: Order | None) -> None:
        self._contract = contract
        self._order = order
        self._version = 0
        self._texts: list[str] = []
        self._places: tuple[int, int, int] = (0, 0, 0)

    def write(self, version: int) -> None:
        """Write all but the numbers and the mark; a second time it costs nothing.

        Raises:
            RequestError: a value that the wire cannot carry.
        """
        if version == self._version or self._order is None:
            return
        order = to_order(self._order)
        order.parentId, order.orderRef = _PARENT, _MARK
        pen = _pen(version)
        pen.placeOrder(_NUMBER, to_contract(self._contract), order)  # type: ignore[no-untyped-call]
        self._texts = texts_of(pen.fields)
        find = self._texts.index
        self._places = find(str(_NUMBER)), find(str(_PARENT)), find(_MARK)
        self._version = version

    def message(self, version: int, number: int, sent: Order) -> bytes:
        """The message of the order under this number; id, parent and mark are those of `sent`.

        Raises:
            RequestError: a value that the wire cannot carry, or a text that would break the message apart.
        """
        if self._order is None:
            self._order = sent
        self.write(version)
        texts, places = self._texts, self._places
        texts[places[0]], texts[places[1]], texts[places[2]] = str(number), str(sent.parentId), sent.orderRef
        return pack(texts)
