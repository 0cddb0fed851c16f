"""The terms on which the simulated world runs: accounts, delays and permissions. Plain settings without behaviour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """How the simulated world behaves; all times in seconds.

    Attributes:
        seed: equal seeds, clocks and requests give equal worlds.
        accounts: names of the paper accounts.
        cash: what each begins with beside its positions, in USD.
        always_open: orders fill at any hour; otherwise exchanges keep their hours.
        fill_delay: from marketable to filled, and between partial fills.
        partial_share: share of the orders that fill in two to four slices.
        status_first: share of the fills whose Filled status is sent before the execution, as real gateways do at times.
        moc_delay: orders for an auction (MOC, LOC, MOO, LOO) fill that long after their acceptance.
        fee_delay: the commission report follows its execution by that much.
        foreign_cancel: a client may cancel another client's order by its id, as gateways before 2026 allowed.
        max_quantity: larger orders are rejected (201).
        active_orders: orders that may work at once on one side of a contract in an account (201 above; 0: no limit).
        price_percentage: a limit further through the market than so many percent is refused (163); 0: none is.
        efficiency_ratio: highest order efficiency ratio (201 above); 0: none, as on most accounts.
        tif_preset: an order without time in force is taken with warning 10349.
        hard_to_borrow: symbols of shares that have to be found before they are sold short (404).
        locate_delay: how long that takes.
        restricted: symbols that the accounts may not trade (203).
        master: the Master clientId, which is told of all orders.
        advisor: the login is a financial advisor's.
        models: codes of model portfolios, which hold a share of the positions.
        news: codes of the news providers that the login is subscribed to.
        bulletins: news bulletins that come by themselves on an average day.
    """

    seed: int = 1
    accounts: tuple[str, ...] = ("DU1000001", "DU1000002")
    cash: float = 1_000_000.0
    always_open: bool = True
    fill_delay: float = 0.05
    partial_share: float = 0.25
    status_first: float = 0.1
    moc_delay: float = 5.0
    fee_delay: float = 0.0
    foreign_cancel: bool = False
    max_quantity: float = 1_000_000.0
    active_orders: int = 20
    price_percentage: float = 0.0
    efficiency_ratio: float = 0.0
    tif_preset: bool = False
    hard_to_borrow: tuple[str, ...] = ()
    locate_delay: float = 5.0
    restricted: tuple[str, ...] = ()
    master: int | None = None
    advisor: bool = False
    models: tuple[str, ...] = ()
    news: tuple[str, ...] = ("BRFG", "BRFUPDN", "DJ-N", "DJNL")
    bulletins: float = 2.0
