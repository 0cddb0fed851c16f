"""May this order leave? Limits, daily caps, the price band, live accounts and halts, for one gateway.

Decisions are `core.limits`, `core.tally` and `core.risk`; here is when they are asked, and with what. Whatever is
raised here means: certainly not sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ibmux.config import Config, GatewaySettings, ScriptSettings
from ibmux.core import limits, risk
from ibmux.core.entry import Change
from ibmux.core.limits import Bounds, tightest
from ibmux.core.risk import Ask, Closing
from ibmux.core.tally import Caps, Item, Tally
from ibmux.errors import Halted, LimitExceeded
from ibmux.messages.combos import COMBO
from ibmux.messages.contracts import Contract
from ibmux.services.caller import Caller
from ibmux.services.closings import Closings, Name
from ibmux.services.halting import Halting
from ibmux.services.prices import Prices
from ibmux.services.tallying import rebuild

_CLOSING_HINT = (
    "Nothing was sent. Of an admin's orders those pass that close no more than is held and no other order closes; what "
    "was filled seconds ago counts as closed. `ibmux resume` ends the halt, when a person has seen why."
)
Worth = tuple[float, str]
"""What an order counts for in the day's value, and the currency."""


class Look(NamedTuple):
    """What had to be asked for before an order can be judged: the contract in full, and its price; 0: not asked."""

    contract: Contract
    price: float = 0.0


class Rule(NamedTuple):
    """What the settings say of a script's orders at this gateway.

    Attributes:
        bounds: of each order.
        caps: of a day.
        priced: whether the value of an order matters.
        bare: whether nothing at all is bounded.
    """

    bounds: Bounds
    caps: Caps
    priced: bool
    bare: bool


class Risk:
    """Checks of one gateway's orders, before they are written down and again as they leave."""

    def __init__(
        self, config: Config, settings: GatewaySettings, halting: Halting, closings: Closings, prices: Prices
    ) -> None:
        self.settings = settings
        self.halting = halting
        self.closings = closings
        self.prices = prices
        self.session = halting.session
        self.common = Caps(settings.orders_per_day, settings.value_per_day)
        self.rules = {name: _rule(config, settings, script) for name, script in config.scripts.items()}
        self.usual = _rule(config, settings, ScriptSettings())
        self.tally = Tally()

    async def load(self) -> None:
        """Whether orders are halted, and what was sent today, as the journal says; before anything can be sent.

        Raises:
            JournalFailed: the journal cannot be read.
        """
        await self.halting.load()
        if any(any(rule.caps) for rule in (self.usual, *self.rules.values())) or any(self.common):
            self.tally = await rebuild(self.halting.journal, self.settings.name, self.session.clock())

    # -- asked

    async def check(self, caller: Caller, *asks: Ask) -> list[Worth]:
        """Whether all of these orders may be sent, and counts them; one that may not keeps the others back, too.

        Await it directly, and enter the orders into the book without waiting in between. What is then not sent after
        all must be told with `release`.

        Returns:
            What each counts for in the day's value: for the journal, so that a restart counts the same.

        Raises:
            RequestError: an order cannot be meant like that.
            LimitExceeded: one is beyond a limit, or for a live account that the settings do not name.
            Halted: new orders are stopped.
            IbmuxError: what a limit needs to know could not be asked for; not sent either.
        """
        asks = tuple(map(_with_account, asks))
        for ask in asks:
            if not ask.exercise:
                limits.check_terms(ask.order)
            self._check_account(ask)
            if self.halting.halted and caller.role != "admin" and ask.adds:
                raise self._halted(caller)
        rule = self.rules.get(caller.script, self.usual)
        if rule.bare and not self.halting.halted:
            return [(0.0, "")] * len(asks)
        looks = [await self._look(caller, ask, rule) for ask in asks]
        return self._decide(caller, rule, asks, looks)

    def check_late(self, caller: Caller, ask: Ask) -> None:
        """Once more at the very moment of sending: a halt may have come, and the accounts are known now.

        Raises:
            LimitExceeded, Halted: it must not leave.
        """
        ask = _with_account(ask)
        self._check_account(ask)
        if self.halting.halted and ask.adds and not self._closes(caller, ask):
            raise self._halted(caller)

    def release(self, script: str, key: str) -> None:
        """An order was certainly not sent: it counts for nothing."""
        self.tally.release(script, key)
        self.closings.planned.pop((script, key), None)

    def saw(self, change: Change) -> None:
        """A change of an order, or a fill: each piece of news of the order feed, and orders that were not sent."""
        self.halting.saw(change)
        self.closings.saw(change)
        entry = change.entry
        if entry is not None and entry.unsent:
            self.tally.release(entry.script, entry.key)
        elif entry is not None and entry.refused:
            self.tally.refund(entry.script, entry.key)

    # -- what must be known

    async def _look(self, caller: Caller, ask: Ask, rule: Rule) -> Look:
        """Ask for what the limits need: the contract for its multiplier, and a price where the order has none, or where
        its own must be compared. An order that only closes a position needs neither.
        """
        contract, is_admin = ask.contract, caller.role == "admin"
        banded = _has_band(rule, ask)
        if rule.priced:
            limits.multiplier(contract)  # the script's own may be no number, whatever the contract's is
        if not ask.adds or not (banded or rule.priced or is_admin) or self._closes(caller, ask):
            return Look(contract)
        if contract.secType != COMBO or banded or rule.priced:
            await self.session.until_ready(caller.ready_by)
            contract = await self.prices.resolve(caller, contract)
        orders = [each for each in (ask.order, ask.known) if each is not None]
        valued = rule.priced and not ask.exercise and any(map(limits.is_unpriced, orders))
        if not (banded or valued) or self._closes(caller, ask._replace(contract=contract)):
            return Look(contract)
        return Look(contract, await self.prices.last(caller, contract, fresh=banded))

    # -- decisions

    def _decide(self, caller: Caller, rule: Rule, asks: Sequence[Ask], looks: Sequence[Look]) -> list[Worth]:
        """All that was asked for is there: judge and count without a pause, so that no other order comes between."""
        items: list[Item] = []
        counted: list[Item] = []
        plans: dict[Name, Closing] = {}
        for each, look in zip(asks, looks, strict=True):
            ask = each._replace(contract=look.contract)
            plan = self.closings.of(_name(caller, ask), ask)
            if plan is not None and self._closes(caller, ask, list(plans.values())):
                plans[_name(caller, ask)] = plan
                items.append(_item(ask, self._value(rule, ask, look)))
                continue
            if self.halting.halted and ask.adds:
                raise self._halted(caller)
            items.append(self._judge(rule, ask, look))
            counted.append(items[-1])
        self.tally.roll(self.session.clock())
        self.tally.check(caller.script, counted, rule.caps, self.common)
        self.tally.book(caller.script, items)
        self.closings.planned |= plans
        return [(item.value, item.currency) for item in items]

    def _judge(self, rule: Rule, ask: Ask, look: Look) -> Item:
        """One order by itself.

        Raises:
            LimitExceeded: it is too large, or its price too far away.
        """
        if not ask.adds:
            return _item(ask, 0.0)
        value = self._value(rule, ask, look)
        limits.check_size(ask.order.totalQuantity, rule.bounds.quantity)
        limits.check_value(value, rule.bounds.value)
        if _has_band(rule, ask):
            limits.check_band(ask.order, look.price, rule.bounds.band)
        before = self._value(rule, ask._replace(order=ask.known), look) if ask.known is not None else 0.0
        return _item(ask, max(0.0, value - before))

    @staticmethod
    def _value(rule: Rule, ask: Ask, look: Look) -> float:
        """What the order is worth, if a limit wants to know."""
        if not rule.priced:
            return 0.0
        return limits.order_value(ask.contract, ask.order, ask.contract.strike if ask.exercise else look.price)

    def _closes(self, caller: Caller, ask: Ask, before: Sequence[Closing] = ()) -> bool:
        """Whether this is an admin's order that closes no more than what is held and nobody else closes."""
        name = _name(caller, ask)
        return caller.role == "admin" and self.closings.fits(name, self.closings.of(name, ask), before)

    def _check_account(self, ask: Ask) -> None:
        """A live account must be named to be traded; where the accounts are not known yet, `check_late` looks."""
        missing = risk.unnamed(ask.order, self.session.accounts, self.settings.accounts) if ask.adds else []
        if missing:
            raise LimitExceeded(
                f"{', '.join(missing)} is live, and proxy.toml does not name it: it is not traded.",
                hint="Nothing was sent. To trade it, name it in proxy.toml, `accounts` of "
                f"[gateways.{self.settings.name}], and restart the proxy.",
            )

    def _halted(self, caller: Caller) -> Halted:
        hint = _CLOSING_HINT if caller.role == "admin" else None
        return Halted(f"{self.settings.name} takes no new orders. {self.halting.halted}", hint=hint)


def _name(caller: Caller, ask: Ask) -> Name:
    return ask.owner or caller.script, ask.key


def _item(ask: Ask, value: float) -> Item:
    return Item("" if ask.known is not None else ask.key, value, ask.contract.currency)


def _has_band(rule: Rule, ask: Ask) -> bool:
    return bool(rule.bounds.band) and not ask.exercise and limits.has_band(ask.contract, ask.order)


def _with_account(ask: Ask) -> Ask:
    """A change need not name the account again."""
    if ask.known is None or ask.order.account:
        return ask
    return ask._replace(order=replace(ask.order, account=ask.known.account))


def _rule(config: Config, gateway: GatewaySettings, script: ScriptSettings) -> Rule:
    everybody = config.limits
    bounds = Bounds(
        tightest(everybody.order_quantity, script.order_quantity),
        tightest(everybody.order_value, script.order_value),
        tightest(everybody.price_band, gateway.price_band, script.price_band),
    )
    caps = Caps(
        int(tightest(everybody.orders_per_day, script.orders_per_day)),
        tightest(everybody.value_per_day, script.value_per_day),
    )
    common = Caps(gateway.orders_per_day, gateway.value_per_day)
    priced = bool(bounds.value or caps.value or common.value)
    return Rule(bounds, caps, priced, bare=not (any(bounds) or any(caps) or any(common)))
