"""One market-data line: raw tick messages in, the quote and the ticks since the last read out.

The quote has ib_async's attribute names, and each tick is what ib_async would put into `Ticker.ticks`: a size that
only repeats the one before is none; -1 and 0 stand for "no bid" and "no ask". Sources: IB's list of tick types.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import time
from typing import Any

from ib_async.util import UNSET_DOUBLE
from ib_async.wrapper import (
    EFP_TICK_MAP,
    GENERIC_TICK_MAP,
    GREEKS_TICK_MAP,
    PRICE_TICK_MAP,
    RT_VOLUME_TICK_MAP,
    SIZE_TICK_MAP,
    STRING_TICK_MAP,
    TIMESTAMP_TICK_MAP,
)

from ibmux.core.rhythm import Rhythm
from ibmux.messages import sides
from ibmux.messages.contracts import Contract

Tick = tuple[int, float, float]

_NO_SIZE = 0.0
_GREEKS = ("impliedVol", "delta", "optPrice", "pvDividend", "gamma", "vega", "theta", "undPrice")
_NOT_COMPUTED = {"impliedVol": -1, "delta": -2, "optPrice": -1, "pvDividend": -1, "undPrice": -1}
_NOT_COMPUTED |= dict.fromkeys(("gamma", "vega", "theta"), -2)


class Line:
    """One subscription (or one snapshot) of a contract.

    Attributes:
        request: the request's id upstream, 0 while there is none.
        failures: refusals since the last message.
        again: what asks for it again after a refusal.
        rhythm: how often it speaks, and whether what is known may be old.
        before: type and fields of the subscription before, until the present one speaks.
    """

    __slots__ = (
        "again", "before", "changed", "contract", "data_type", "failures", "fields", "first", "generic_ticks",
        "request", "rhythm", "snapshot", "ticks",
    )  # fmt: skip

    def __init__(self, contract: Contract, generic_ticks: str = "", *, snapshot: bool = False) -> None:
        self.contract = contract
        self.generic_ticks = generic_ticks
        self.snapshot = snapshot
        self.request = 0
        self.failures = 0
        self.again: asyncio.TimerHandle | None = None
        self.first: asyncio.Future[None] | None = None
        self.rhythm = Rhythm(time.monotonic())
        if snapshot:
            self.rhythm.calm = False  # it is no stream: nothing of it is handed on
        self.before: tuple[int, dict[str, Any]] | None = None
        self.clear()

    is_regular = False

    @property
    def label(self) -> str:
        """The stream's name, as in its topic."""
        return f"{self.contract.conId}/quote"

    def shown(self) -> tuple[int, dict[str, Any]]:
        """Market data type and fields as they are known, if only by the subscription before."""
        return self.before or (self.data_type, self.fields)

    def gist(self) -> dict[str, Any]:
        """What is known."""
        return self.shown()[1]

    def differs(self, before: dict[str, Any] | None) -> bool:
        """Whether the present subscription told what the one before had not; what is computed says nothing of that."""
        known = before or {}
        return any(
            known.get(name) != value
            for name, value in self.fields.items()
            if not name.startswith("prev") and not name.endswith("Greeks")
        )

    def restart(self) -> None:
        """A new subscription begins: what is known stays as it was until that one speaks."""
        if self.fields:
            self.before = (self.data_type, self.fields)
        self.clear()

    def clear(self) -> None:
        """Know nothing again."""
        self.data_type = 1
        self.fields: dict[str, Any] = {}
        self.ticks: list[Tick] = []
        self.changed: dict[str, Any] = {}

    def price(self, kind: int, price: float, size: float) -> None:
        """A price, and for bid, ask and last its size (message 1)."""
        side = sides.PRICED.get(kind)
        if side is not None:
            if size == 0 and (side[4] or (price == -1 and self.fields.get("close", 0.0) > 0)):
                price, size = sides.NO_PRICE, _NO_SIZE
            sides.put(self.fields, side, price, size)
        elif kind in PRICE_TICK_MAP:
            self.fields[PRICE_TICK_MAP[kind]] = price
        else:
            return
        if price or size:
            self.ticks.append((kind, price, size))

    def size(self, kind: int, size: float) -> None:
        """A size alone (message 2)."""
        side = sides.SIZED.get(kind)
        fields = self.fields
        price = sides.NO_PRICE
        if side is not None:
            if side[4]:
                if size == fields.get(side[1]):
                    return
                sides.resize(self.fields, side, size)
                price = fields.get(side[0], math.nan)
            else:
                if side[0] not in fields:
                    return
                price = fields[side[0]]
                if size != fields.get(side[1]):
                    sides.resize(self.fields, side, size)
        elif kind in SIZE_TICK_MAP:
            fields[SIZE_TICK_MAP[kind]] = size
        else:
            return
        if price or size:
            self.ticks.append((kind, price, size))

    def generic(self, kind: int, value: float) -> None:
        """One number (message 45)."""
        if kind in GENERIC_TICK_MAP:
            value = value if value > 0 else _NO_SIZE
            self.fields[GENERIC_TICK_MAP[kind]] = value
            self.ticks.append((kind, value, 0.0))

    def text(self, kind: int, value: str) -> None:
        """Exchanges, times, and what IB packs into text (message 46).

        Raises:
            ValueError: not as IB documents it.
        """
        if kind in STRING_TICK_MAP:
            self.change(STRING_TICK_MAP[kind], value)
        elif kind in TIMESTAMP_TICK_MAP:
            if seconds := int(value):
                self.change(TIMESTAMP_TICK_MAP[kind], float(seconds))
        elif kind in RT_VOLUME_TICK_MAP:
            self._trade(kind, value)
        elif kind == 59:
            self.change("dividends", _dividends(value))
        elif kind == 47:
            self.change("fundamentalRatios", dict(_ratio(pair) for pair in value.split(";") if pair))

    def greeks(self, kind: int, attribute: int, values: tuple[float, ...]) -> None:
        """An option computation (message 21); what was not computed is `None`."""
        if kind in GREEKS_TICK_MAP:
            self.change(GREEKS_TICK_MAP[kind], computation(attribute, values))

    def efp(self, kind: int, values: dict[str, Any]) -> None:
        """An exchange for physicals (message 47)."""
        if kind in EFP_TICK_MAP:
            self.change(EFP_TICK_MAP[kind], values)

    def change(self, name: str, value: Any) -> None:
        """An attribute that no numeric tick carries; what is the same as before is no news."""
        if self.fields.get(name) != value:
            self.fields[name] = self.changed[name] = value

    def take(self) -> tuple[list[Tick], dict[str, Any]]:
        """What is new since the last call."""
        ticks, changed = self.ticks, self.changed
        self.ticks, self.changed = [], {}
        return ticks, changed

    def begun(self) -> None:
        """The gateway serves this line."""
        if self.first is not None and not self.first.done():
            self.first.set_result(None)

    def _trade(self, kind: int, value: str) -> None:
        """Time and sales: price;size;milliseconds;total volume;VWAP;single trade."""
        price, size, milliseconds, volume, vwap, _ = value.split(";")
        if volume:
            self.change(RT_VOLUME_TICK_MAP[kind], float(volume))
        if vwap:
            self.change("vwap", float(vwap))
        if milliseconds:
            self.change("rtTime", int(milliseconds) / 1000)
        if price:
            sides.put(self.fields, sides.LAST, float(price), float(size))
            self.ticks.append((kind, float(price), float(size)))


def computation(attribute: int, values: tuple[float, ...]) -> dict[str, Any]:
    """The values of an option computation by name; `None` is what was not computed."""
    named = dict(zip(_GREEKS, values, strict=True))
    return {
        "tickAttrib": attribute,
        **{name: None if value in (_NOT_COMPUTED[name], UNSET_DOUBLE) else value for name, value in named.items()},
    }


def _dividends(text: str) -> dict[str, Any]:
    """Paid, expected, next date, next amount: `0.83,0.92,20130219,0.23`."""
    past, coming, date, amount = text.split(",")
    return {
        "past12Months": float(past) if past else None,
        "next12Months": float(coming) if coming else None,
        "nextDate": dt.date(int(date[:4]), int(date[4:6]), int(date[6:8])).isoformat() if date else None,
        "nextAmount": float(amount) if amount else None,
    }


def _ratio(pair: str) -> tuple[str, float | str]:
    """One fundamental ratio; -99999.99 means that there is none."""
    name, _, text = pair.partition("=")
    if text == "-99999.99":
        return name, math.nan
    try:
        return name, float(text)
    except ValueError:
        return name, text
