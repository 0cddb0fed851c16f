"""What a gateway's orders of one day come to, by script: counted when they are allowed, given back when they were not
sent or not taken. Pure.

The day is that of UTC. Values of different currencies are not added up: each currency has its own sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ibmux.errors import LimitExceeded

DAY = 86_400
"""Seconds of a day."""
_HINT = "Nothing was sent. The caps of proxy.toml count anew at 00:00 UTC."


class Caps(NamedTuple):
    """What may be sent in a day: orders, and their value in each currency; 0: any."""

    orders: int = 0
    value: float = 0.0


class Item(NamedTuple):
    """One order, or what a change adds to one (`key` empty: it is no new order)."""

    key: str
    value: float = 0.0
    currency: str = ""


@dataclass(slots=True)
class Tally:
    """The sums of one day.

    Attributes:
        sealed: orders of before a restart: what is tried again under their keys is not counted again, and if that is
            not sent, they still were.
    """

    day: int = 0
    orders: Counter[str] = field(default_factory=Counter)
    values: dict[tuple[str, str], float] = field(default_factory=dict)
    booked: dict[tuple[str, str], Item] = field(default_factory=dict)
    sealed: set[tuple[str, str]] = field(default_factory=set)

    def roll(self, now: float) -> None:
        """Begin anew if another day began (`now` in seconds UTC)."""
        if int(now // DAY) != self.day:
            self.day = int(now // DAY)
            self.orders.clear()
            self.values.clear()
            self.booked.clear()
            self.sealed.clear()

    def check(self, script: str, items: Iterable[Item], own: Caps, common: Caps) -> None:
        """Whether these orders fit under a script's own caps, and under those of all scripts together.

        Raises:
            LimitExceeded: they do not; the message says what was counted.
        """
        fresh = self._fresh(script, items)
        count = sum(bool(item.key) for item in fresh)
        sums: Counter[str] = Counter()
        for item in fresh:
            sums[item.currency] += item.value  # type: ignore[assignment]
        self._check_orders(script, count, own.orders, self.orders[script])
        self._check_orders("", count, common.orders, self.orders.total())
        for currency, value in sums.items():
            self._check_value(script, value, currency, own.value, self.values.get((script, currency), 0.0))
            self._check_value("", value, currency, common.value, self.of_all(currency))

    def book(self, script: str, items: Iterable[Item]) -> None:
        """Count them; an order that is counted already is not counted twice."""
        for item in self._fresh(script, items):
            self._add(script, item.currency, item.value)
            if item.key:
                self.orders[script] += 1
                self.booked[script, item.key] = item

    def release(self, script: str, key: str) -> None:
        """An order was certainly not sent: it counts no more."""
        name = script, key
        item = self.booked.pop(name, None) if name not in self.sealed else None
        if item is not None:
            self.orders[script] -= 1
            self._add(script, item.currency, -item.value)

    def refund(self, script: str, key: str) -> None:
        """The gateway did not take an order: it counts as one, but not its value."""
        item = self.booked.get((script, key))
        if item is not None:
            self.booked[script, key] = item._replace(value=0.0)
            self._add(script, item.currency, -item.value)

    def seal(self) -> None:
        """What is counted now is of before a restart."""
        self.sealed = set(self.booked)

    def of_all(self, currency: str) -> float:
        """The value of all scripts' orders in a currency."""
        return sum(value for (_, each), value in self.values.items() if each == currency)

    def _fresh(self, script: str, items: Iterable[Item]) -> list[Item]:
        return [item for item in items if not item.key or (script, item.key) not in self.booked]

    def _add(self, script: str, currency: str, value: float) -> None:
        if value:
            self.values[script, currency] = max(0.0, self.values.get((script, currency), 0.0) + value)

    @staticmethod
    def _check_orders(script: str, count: int, cap: int, before: int) -> None:
        if cap and count and before + count > cap:
            whose = f"{script} has" if script else "All scripts together have"
            raise LimitExceeded(f"{whose} sent {before} orders today; {cap} are allowed.", hint=_HINT)

    @staticmethod
    def _check_value(script: str, value: float, currency: str, cap: float, before: float) -> None:
        if cap and value and before + value > cap:
            whose = f"{script}'s orders of today are" if script else "All scripts' orders of today are together"
            raise LimitExceeded(
                f"{whose} worth {before:,.2f} {currency}; this one adds {value:,.2f}, and {cap:,.2f} are allowed.",
                hint=_HINT,
            )
