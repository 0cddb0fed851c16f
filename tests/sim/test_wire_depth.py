"""Books over the wire: a client's copy equals the market's, whatever way it applies rows; limits, reset, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from market_asks import AAPL, EURUSD, SPX, ask, cancel, error_text, of_request
from wire_client import Connector, Opener, Raw, RawOpener, until

from ibmux.sim import SimulatedGateway
from ibmux.sim.feeds.books import steps_between
from ibmux.tws.replies import REPLIES

Row = tuple[float, float, str]


def shifted(rows: list[Row], position: int, operation: int, row: Row) -> None:
    """Apply a step as IB's own samples do: insertions and deletions move the rows behind them."""
    if operation == 0:
        rows.insert(position, row)
    elif operation == 1:
        rows[position] = row
    else:
        del rows[position]


def copy_of(client: Raw, request_id: int) -> dict[int, list[Row]]:
    """The book that the messages so far make: asks under 0, bids under 1."""
    sides: dict[int, list[Row]] = {0: [], 1: []}
    for message in client.messages:
        if message[0] in ("12", "13") and message[2] == str(request_id):
            name = "updateMktDepth" if message[0] == "12" else "updateMktDepthL2"
            values = REPLIES[name].decode(message, client.version)
            row = (values["price"], values["size"], values.get("marketMaker", ""))
            shifted(sides[values["side"]], values["position"], values["operation"], row)
        elif message[0] == "4" and message[2:4] == [str(request_id), "317"]:
            sides = {0: [], 1: []}
    return sides


def book_of(gateway: SimulatedGateway, rows: int, smart: bool) -> dict[int, list[Row]]:
    bids, asks = gateway.world.market.depth(AAPL, rows, smart)
    sides = {0: asks, 1: bids}
    maker = "" if smart else "ARCA"
    return {
        side: [(level.price, level.size, level.marketMaker or maker) for level in levels]
        for side, levels in sides.items()
    }


@pytest.mark.parametrize("smart", [True, False])
async def test_the_copy_follows_the_book(open_gateway: Opener, raw: RawOpener, smart: bool) -> None:
    gateway = await open_gateway(start="20260105 10:00:00 US/Eastern", speed=50.0)
    client = await raw(gateway, 1)
    ask(client, "reqMktDepth", 5, exchange="SMART" if smart else "ARCA", numRows=10,
        isSmartDepth=smart)  # fmt: skip
    await until(lambda: len(client.of(13)) > 200)
    gateway.clock.set(speed=0.000001)
    market = book_of(gateway, 10, smart)
    await until(lambda: copy_of(client, 5) == market)
    assert all(len(rows) == 10 for rows in market.values())
    bids, asks = market[1], market[0]
    assert bids[0][0] < asks[0][0]
    assert [row[0] for row in bids] == sorted((row[0] for row in bids), reverse=True)
    assert {message[-1] for message in client.of(13)} == {"1" if smart else "0"}


async def test_the_top_of_the_book_is_the_quote(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(start="20260105 10:00:00 US/Eastern", speed=0.000001)
    client = await raw(gateway, 1)
    ask(client, "reqMktDepth", 5, numRows=5, isSmartDepth=True)
    await until(lambda: len(client.of(13)) == 10)
    quote = gateway.world.market.quote(AAPL)
    sides = copy_of(client, 5)
    assert (sides[1][0][0], sides[0][0][0]) == (quote.bid, quote.ask)


async def test_the_libraries_keep_the_book(open_gateway: Opener, connect: Connector, library: Any) -> None:
    gateway = await open_gateway(start="20260105 10:00:00 US/Eastern", speed=50.0)
    ib = await connect(gateway)
    contract = library.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(contract)
    changes: list[Any] = []
    ticker = ib.reqMktDepth(contract, numRows=7, isSmartDepth=True)
    ticker.updateEvent += lambda changed: changes.extend(changed.domTicks)
    await until(lambda: len(changes) > 100)
    gateway.clock.set(speed=0.000001)
    market = book_of(gateway, 7, True)

    def kept() -> dict[int, list[Row]]:
        sides = {0: ticker.domAsks, 1: ticker.domBids}
        return {side: [(level.price, level.size, level.marketMaker) for level in rows] for side, rows in sides.items()}

    await until(lambda: kept() == market)
    ib.cancelMktDepth(contract, isSmartDepth=True)
    await until(lambda: not gateway.clients[1].streams)


def test_rows_are_added_and_removed_at_the_end_only() -> None:
    row = [type("Row", (), {"price": float(price)})() for price in range(4)]
    assert [(place, what) for place, what, _ in steps_between([], row[:2])] == [(0, 0), (1, 0)]
    assert [(place, what) for place, what, _ in steps_between(row[:2], [row[0], row[2], row[3]])] == [(1, 1), (2, 0)]
    assert [(place, what) for place, what, _ in steps_between(row[:3], row[:1])] == [(2, 2), (1, 2)]
    assert not list(steps_between(row, row))


async def test_an_exchange_without_makers_has_plain_rows(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    ask(client, "reqMktDepth", 5, **EURUSD)
    await until(lambda: len(of_request(client, 12, 5)) >= 20)
    assert not client.of(13)
    assert all(len(rows) == 10 for rows in copy_of(client, 5).values()), "ten rows unless told otherwise"


async def test_three_contracts_at_once(gateway: SimulatedGateway, raw: RawOpener) -> None:
    first, second = await raw(gateway, 1), await raw(gateway, 2)
    for number, symbol in enumerate(("AAPL", "MSFT", "SPY")):
        ask(first, "reqMktDepth", number, symbol, isSmartDepth=True, numRows=3)
    ask(second, "reqMktDepth", 1, "NVDA", isSmartDepth=True, numRows=3)
    await until(lambda: (1, 309) in second.errors())
    assert error_text(second, 1, 309) == "Max number (3) of market depth requests has been reached"
    ask(second, "reqMktDepth", 2, "AAPL", isSmartDepth=True, numRows=3)
    await until(lambda: len(of_request(second, 13, 2)) >= 6)
    cancel(first, "cancelMktDepth", 1)
    await until(lambda: len(gateway.feed.streams.of("depth")) == 3)
    ask(second, "reqMktDepth", 3, "NVDA", isSmartDepth=True, numRows=3)
    await until(lambda: len(of_request(second, 13, 3)) >= 6)


async def test_a_reset_begins_anew(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    ask(client, "reqMktDepth", 5, isSmartDepth=True, numRows=3)
    await until(lambda: len(client.of(13)) >= 6)
    gateway.feed.reset_depth()
    mark = len(client.messages)
    await until(lambda: (5, 317) in client.errors() and len(client.messages) >= mark + 6)
    at = next(place for place, message in enumerate(client.messages) if message[3:4] == ["317"])
    following = [message for message in client.messages[at:] if message[0] == "13"][:6]
    assert [message[5] for message in following] == ["0"] * 6


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"isSmartDepth": False}, 10092),
        ({**SPX}, 10092),
        ({"symbol": "NOSUCH"}, 200),
    ],
)
async def test_refused_books(gateway: SimulatedGateway, raw: RawOpener, more: dict[str, Any], code: int) -> None:
    client = await raw(gateway, 1)
    ask(client, "reqMktDepth", 5, **more)
    await until(lambda: (5, code) in client.errors())


async def test_an_unknown_book_cannot_be_cancelled(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    ask(client, "reqMktDepth", 5, isSmartDepth=True)
    ask(client, "reqMktDepth", 5, isSmartDepth=True)
    await until(lambda: (5, 102) in client.errors())
    cancel(client, "cancelMktDepth", 6)
    await until(lambda: (6, 310) in client.errors())
