"""Every request method of ib_async's `IB`, as a case that is played on both sides.

A case's function gets a side and returns what a script would look at. `differs` explains what is meant to differ.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import ib_async
from ib_async import (
    Bag,
    ComboLeg,
    Contract,
    ExecutionFilter,
    Forex,
    Future,
    Index,
    LimitOrder,
    MarketOrder,
    Option,
    ScannerSubscription,
    Stock,
    TagValue,
    WshEventData,
)
from parity_sides import Side

Ask = Callable[[Side], Awaitable[Any]]
AAPL = Stock("AAPL", "SMART", "USD")
END = "20260106 16:00:00 US/Eastern"
WAYS = frozenset({"time", "lastTradeTime", "rtTime", "timestamp", "delayedLastTimestamp"})
TICKER = WAYS | {"ticks", "domTicks", "tickByTicks", "defaults", "created", "updateEvent", "bboExchange"}
"""What a ticker shows of the last update alone, or when."""


@dataclass(frozen=True)
class Case:
    """One question.

    Attributes:
        methods: the methods of `IB` that it tries.
        asked: the arguments, for the table.
        ask: asks one side.
        skip: fields that are not compared: they say when, not what.
        differs: the fields that differ, each with the reason; all others must be equal.
        moves: the gateway answers only after some time of its own.
        world: settings of the gateway that this case needs.
    """

    methods: tuple[str, ...]
    asked: str
    ask: Ask
    skip: frozenset[str] = frozenset()
    differs: dict[str, str] = field(default_factory=dict)
    moves: bool = False
    world: dict[str, Any] = field(default_factory=dict)


CASES: list[Case] = []


def case(
    *methods: str,
    asked: str = "",
    skip: frozenset[str] = frozenset(),
    differs: dict[str, str] | None = None,
    moves: bool = False,
    **world: Any,
) -> Any:
    """Enter a case."""

    def enter(ask: Ask) -> Ask:
        CASES.append(Case(methods, asked, ask, skip, differs or {}, moves, world))
        return ask

    return enter


def simple(
    method: str, *args: Any, asked: str = "", differs: dict[str, str] | None = None, moves: bool = False
) -> None:
    """Enter a case that calls one method and looks at what it returns."""

    async def ask(side: Side) -> Any:
        return await side.call(method, *args)

    CASES.append(
        Case((method,), asked or ", ".join(_text(arg) for arg in args), ask, frozenset(), differs or {}, moves)
    )


def _text(arg: object) -> str:
    if isinstance(arg, Contract):
        return " ".join(str(part) for part in (arg.symbol, arg.secType, arg.exchange) if part)
    return repr(arg)


async def qualified(side: Side, *contracts: Contract) -> list[Any]:
    """The contracts in full, each side asking by itself."""
    return list(await side.call("qualifyContracts", *(ib_async.Contract(**vars_of(one)) for one in contracts)))


def vars_of(contract: Contract) -> dict[str, Any]:
    """A contract's fields; qualifying changes ib_async's contracts in place, and each side needs its own."""
    return {
        name: getattr(contract, name) for name in ("symbol", "secType", "exchange", "currency", "right", "strike")
    } | {
        "lastTradeDateOrContractMonth": contract.lastTradeDateOrContractMonth,
        "multiplier": contract.multiplier,
    }


# -- the account

simple("managedAccounts")
simple("accountSummary")


@case("accountValues", asked="'DU1000001', after reqAccountUpdates")
async def account_values(side: Side) -> Any:
    await side.call("reqAccountUpdates", "DU1000001")
    return by_tag(await side.call("accountValues", "DU1000001"))


@case("portfolio", asked="'DU1000001', after reqAccountUpdates")
async def portfolio(side: Side) -> Any:
    await side.call("reqAccountUpdates", "DU1000001")
    return sorted(await side.call("portfolio", "DU1000001"), key=lambda one: one.contract.conId)


def by_tag(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda one: (one.account, one.tag, one.currency, one.modelCode))


simple("positions")
simple("reqPositions")


@case("reqAccountSummary")
async def account_summary(side: Side) -> Any:
    await side.call("reqAccountSummary")
    return sorted(await side.call("accountSummary"), key=lambda one: (one.account, one.tag, one.currency))


@case("reqAccountUpdates", asked="'DU1000002'")
async def account_updates(side: Side) -> Any:
    await side.call("reqAccountUpdates", "DU1000002")
    values = await side.call("accountValues", "DU1000002")
    return by_tag(values)


@case("reqAccountUpdatesMulti", asked="'DU1000001'")
async def account_updates_multi(side: Side) -> Any:
    await side.call("reqAccountUpdatesMulti", "DU1000001")
    values = await side.call("accountValues", "DU1000001")
    return by_tag(values)


@case("reqPnL", "pnl", "cancelPnL", asked="'DU1000001'")
async def pnl(side: Side) -> Any:
    live = await side.call("reqPnL", "DU1000001")
    await side.until(lambda: live.dailyPnL == live.dailyPnL, "profit and loss")
    known = await side.call("pnl", "DU1000001")
    await side.call("cancelPnL", "DU1000001")
    return [known[0].account, known[0].dailyPnL, known[0].unrealizedPnL, known[0].realizedPnL]


@case("reqPnLSingle", "pnlSingle", "cancelPnLSingle", asked="'DU1000001', '', conId of a position")
async def pnl_single(side: Side) -> Any:
    held = sorted(await side.call("positions", "DU1000001"), key=lambda one: one.contract.conId)[0]
    live = await side.call("reqPnLSingle", "DU1000001", "", held.contract.conId)
    await side.until(lambda: live.position, "the position's profit and loss")
    known = await side.call("pnlSingle", "DU1000001")
    await side.call("cancelPnLSingle", "DU1000001", "", held.contract.conId)
    one = known[0]
    return [one.conId, one.position, one.dailyPnL, one.unrealizedPnL, one.realizedPnL, one.value]


@case("reqCurrentTime", asked="to the second")
async def current_time(side: Side) -> Any:
    return (await side.call("reqCurrentTime")).replace(microsecond=0)


simple("reqUserInfo")

# -- contracts

OPTION = Option("AAPL", "20260116", 200, "C", "SMART", currency="USD")
for wanted in (
    AAPL,
    Forex("EURUSD"),
    Index("SPX", "CBOE"),
    Future("ES", exchange="CME"),
    Contract(secType="BOND", symbol="91282CA92"),
):
    simple("reqContractDetails", wanted)
for wanted in (
    Contract(secType="CRYPTO", symbol="BTC", exchange="PAXOS", currency="USD"),
    Contract(secType="CFD", symbol="AAPL", currency="USD"),
):
    simple("reqContractDetails", wanted)
simple("reqContractDetails", Contract(secType="CONTFUT", symbol="ES", exchange="CME"))
simple(
    "reqMatchingSymbols",
    "AAP",
    differs={"conId": "0 for the issuer of bonds, which has none; ib_async shows the mark 2147483647."},
)
simple("reqMarketRule", 26)
simple("reqMktDepthExchanges")
simple("qualifyContracts", Stock("AAPL", "SMART", "USD"))


@case(
    "reqSecDefOptParams",
    asked="AAPL, '', STK, conId",
    differs={"underlyingConId": "A number, as ib_async's own type says; ib_async leaves it text."},
)
async def option_parameters(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    chains = await side.call("reqSecDefOptParams", "AAPL", "", "STK", stock.conId)
    return sorted(chains, key=lambda one: (one.exchange, one.tradingClass))


@case("reqSmartComponents", asked="the ticker's bboExchange")
async def smart_components(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    ticker = await side.call("reqMktData", stock)
    await side.until(lambda: ticker.bboExchange, "the exchange map's name")
    return await side.call("reqSmartComponents", ticker.bboExchange)


# -- market data


@case(
    "reqMktData", "ticker", "tickers", "pendingTickers", "cancelMktData", asked="AAPL, all generic ticks", skip=TICKER
)
async def market_data(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    generics = "100,101,104,106,165,221,225,232,233,236,293,294,295,318,375,411,456,595,619"
    ticker = await side.call("reqMktData", stock, generics)
    await side.until(
        lambda: ticker.bid > 0 and ticker.close > 0 and ticker.high52week == ticker.high52week, "the quote"
    )
    assert await side.call("ticker", stock) is ticker
    assert ticker in await side.call("tickers")
    await side.call("pendingTickers")
    await side.call("cancelMktData", stock)
    return quiet(ticker)


def quiet(ticker: Any) -> Any:
    """What of a ticker stands still while the clock does: no sizes, which change with every tick."""
    names = (
        "bid ask close open high low markPrice high52week low52week avVolume histVolatility impliedVolatility halted"
    )
    names += " shortableShares shortable minTick marketDataType dividends"
    return {name: getattr(ticker, name, None) for name in names.split()}


@case("reqMktData", asked="an option", skip=TICKER)
async def option_data(side: Side) -> Any:
    chain = (await option_parameters(side))[0]
    expiry, strike = sorted(chain.expirations)[2], sorted(chain.strikes)[len(chain.strikes) // 2]
    (option,) = await qualified(side, Option("AAPL", expiry, strike, "C", "SMART", currency="USD"))
    ticker = await side.call("reqMktData", option)
    await side.until(lambda: ticker.modelGreeks, "the model's greeks")
    return ticker.modelGreeks


async def combos(side: Side) -> list[Any]:
    """Two combinations of the same kind: a spread of two stocks, and one of two others."""
    names = ("AAPL", "MSFT", "NVDA", "AMZN")
    found = await qualified(side, *(Stock(name, "SMART", "USD") for name in names))
    return [
        Bag(
            symbol=f"{long.symbol},{short.symbol}",
            currency="USD",
            exchange="SMART",
            comboLegs=[
                ComboLeg(conId=long.conId, ratio=1, action="BUY", exchange="SMART"),
                ComboLeg(conId=short.conId, ratio=2, action="SELL", exchange="SMART"),
            ],
        )
        for long, short in (found[:2], found[2:])
    ]


@case("reqMktData", "ticker", "cancelMktData", asked="two BAGs at once")
async def combo_data(side: Side) -> Any:
    bags = await combos(side)
    tickers = [await side.call("reqMktData", bag) for bag in bags]
    await side.until(lambda: all(one.ask == one.ask != 0 for one in tickers), "both quotes")
    for bag, ticker in zip(bags, tickers, strict=True):
        assert await side.call("ticker", bag) is ticker
        await side.call("cancelMktData", bag)
    return [[one.contract.symbol, one.bid, one.ask, one.bidSize, one.askSize, one.minTick] for one in tickers]


@case("reqTickers", asked="two BAGs and AAPL", moves=True)
async def combo_tickers(side: Side) -> Any:
    found = await side.call("reqTickers", *await combos(side), *await qualified(side, AAPL))
    return [[one.contract.symbol, one.bid, one.ask, one.last, one.close] for one in found]


@case("reqMktData", asked="a BAG, snapshot", moves=True)
async def combo_snapshot(side: Side) -> Any:
    ticker = await side.call("reqMktData", (await combos(side))[0], "", True)
    await side.until(lambda: ticker.ask == ticker.ask != 0, "the quote")
    return [ticker.bid, ticker.ask]


@case("reqTickers", asked="AAPL, MSFT", moves=True)
async def tickers(side: Side) -> Any:
    found = await side.call("reqTickers", *await qualified(side, AAPL, Stock("MSFT", "SMART", "USD")))
    return [[one.contract.symbol, one.bid, one.ask, one.last, one.close] for one in found]


@case("reqMarketDataType", asked="3")
async def data_type(side: Side) -> Any:
    await side.call("reqMarketDataType", 3)
    (stock,) = await qualified(side, AAPL)
    ticker = await side.call("reqMktData", stock)
    await side.until(lambda: ticker.bid > 0, "the quote")
    return ticker.marketDataType


@case("calculateImpliedVolatility", "calculateOptionPrice", asked="an option, 10.0 and 0.3, 200.0")
async def calculations(side: Side) -> Any:
    chain = (await option_parameters(side))[0]
    expiry, strike = sorted(chain.expirations)[2], sorted(chain.strikes)[len(chain.strikes) // 2]
    (option,) = await qualified(side, Option("AAPL", expiry, strike, "C", "SMART", currency="USD"))
    return [
        await side.call("calculateImpliedVolatility", option, 10.0, strike),
        await side.call("calculateOptionPrice", option, 0.3, strike),
    ]


@case("reqTickByTickData", "cancelTickByTickData", asked="Last, AllLast, BidAsk, MidPoint, of a stock each", skip=WAYS)
async def tick_by_tick(side: Side) -> Any:
    kinds, seen = ("Last", "AllLast", "BidAsk", "MidPoint"), []
    for place, (symbol, kind) in enumerate(zip(("AAPL", "MSFT", "NVDA", "AMZN"), kinds, strict=True), 1):
        (stock,) = await qualified(side, Stock(symbol, "SMART", "USD"))
        ticks: list[Any] = []
        ticker = await side.call("reqTickByTickData", stock, kind, 0, False)
        ticker.updateEvent += lambda one, into=ticks: into.extend(one.tickByTicks)  # type: ignore[misc]
        await side.gateway.pass_time(START.timestamp() + 10 * place - side.gateway.clock.now())
        await calm(side, ticks)
        await side.call("cancelTickByTickData", stock, kind)
        seen += ticks[-10:]
    assert len(seen) == 40
    return seen


async def calm(side: Side, seen: list[Any]) -> None:
    """Wait until nothing more comes: the gateway's clock stands."""
    known = -1
    while known != len(seen):
        known = len(seen)
        await asyncio.sleep(0.3)


@case("reqMktDepth", "cancelMktDepth", asked="AAPL, 5 rows, smart")
async def depth(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    ticker = await side.call("reqMktDepth", stock, 5, True)
    await side.until(lambda: len(ticker.domBids) == len(ticker.domAsks) == 5, "five rows")
    book = [[(row.price, row.marketMaker) for row in side_rows] for side_rows in (ticker.domBids, ticker.domAsks)]
    await side.call("cancelMktDepth", stock, True)
    return book


@case("reqRealTimeBars", "realtimeBars", "cancelRealTimeBars", asked="AAPL, 5, TRADES, False", speed=5.0)
async def real_time_bars(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    bars = await side.call("reqRealTimeBars", stock, 5, "TRADES", False)
    await side.until(lambda: len(bars) >= 2, "two bars")
    assert bars in await side.call("realtimeBars")
    await side.call("cancelRealTimeBars", bars)
    return [bars.contract.symbol, bars.barSize, bars.whatToShow, bars.useRTH, type(bars[0]).__name__]


# -- history

for size, what in (("1 day", "TRADES"), ("5 mins", "MIDPOINT"), ("1 min", "BID_ASK")):

    async def bars(side: Side, size: str = size, what: str = what) -> Any:
        (stock,) = await qualified(side, AAPL)
        return await side.call("reqHistoricalData", stock, END, "2 D", size, what, True)

    CASES.append(Case(("reqHistoricalData",), f"AAPL, 2 D, {size}, {what}", bars))


@case("reqHistoricalData", "cancelHistoricalData", asked="AAPL, keepUpToDate")
async def bars_kept_up_to_date(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    live = await side.call("reqHistoricalData", stock, "", "3600 S", "5 mins", "TRADES", False, 1, True)
    found = list(live)
    await side.call("cancelHistoricalData", live)
    return found


@case("reqHistoricalTicks", asked="AAPL, 50 of each kind")
async def historical_ticks(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    return [
        await side.call("reqHistoricalTicks", stock, "", END, 50, kind, True)
        for kind in ("TRADES", "BID_ASK", "MIDPOINT")
    ]


@case("reqHistoricalSchedule", asked="AAPL, 5 days")
async def schedule(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    return await side.call("reqHistoricalSchedule", stock, 5, END)


@case("reqHeadTimeStamp", asked="AAPL, TRADES, True, 1")
async def head_timestamp(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    return await side.call("reqHeadTimeStamp", stock, "TRADES", True, 1)


@case("reqHistogramData", asked="AAPL, True, 3 days")
async def histogram(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    return await side.call("reqHistogramData", stock, True, "3 days")


# -- orders


async def settled(side: Side, trade: Any, *states: str) -> Any:
    await side.until(lambda: trade.orderStatus.status in states, " or ".join(states))
    return trade


ORDER = WAYS | {"log", "key", "script", "instance", "seq"}
HANDLE = {
    "orderId": "Addresses are the proxy's business: an order made in the script has a number of the script's own, and "
    "its key is what counts. `orderStatus.orderId` is the gateway's."
}
KEPT = {**HANDLE, "auxPrice": "As the script left it (unset); ib_async takes the gateway's 0.0 over."}
PLACE = {
    "exchange": "Of a fill: where it happened; ib_async shows the order's contract again.",
    "primaryExchange": "As `exchange`.",
}
GAIN = {"realizedPNL": "None where nothing was realised; ib_async turns it into 0.0.", "yield_": "As `realizedPNL`."}


@case(
    "placeOrder",
    "trades",
    "fills",
    "executions",
    asked="BUY 100 AAPL MKT",
    skip=ORDER,
    differs={**KEPT, "lmtPrice": "As `auxPrice`.", **PLACE, **GAIN},
)
async def market_order(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    trade = await settled(side, await side.call("placeOrder", stock, MarketOrder("BUY", 100)), "Filled")
    await side.until(lambda: trade.fills and trade.fills[0].commissionReport.execId, "the commission")
    assert len(await side.call("fills")) == len(await side.call("executions")) == 1
    assert len(await side.call("trades")) == 1
    return trade


@case(
    "placeOrder",
    "openTrades",
    "orders",
    "openOrders",
    "cancelOrder",
    asked="BUY 100 AAPL LMT 1, then cancelled",
    skip=ORDER,
    differs=KEPT,
)
async def limit_order(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    order = LimitOrder("BUY", 100, 1.0, orderRef="mine", tif="GTC")
    trade = await settled(side, await side.call("placeOrder", stock, order), "Submitted", "PreSubmitted")
    counts = [len(await side.call(name)) for name in ("openTrades", "orders", "openOrders")]
    await side.call("cancelOrder", trade.order)
    await settled(side, trade, "Cancelled")
    return [trade.order, trade.orderStatus.status, counts]


@case("placeOrder", asked="BUY 1 BAG (AAPL, -MSFT) MKT", skip=ORDER)
async def combo_order(side: Side) -> Any:
    apple, microsoft = await qualified(side, AAPL, Stock("MSFT", "SMART", "USD"))
    legs = [
        ComboLeg(conId=apple.conId, ratio=1, action="BUY", exchange="SMART"),
        ComboLeg(conId=microsoft.conId, ratio=1, action="SELL", exchange="SMART"),
    ]
    combo = Bag(symbol="AAPL,MSFT", currency="USD", exchange="SMART", comboLegs=legs)
    order = MarketOrder("BUY", 1, smartComboRoutingParams=[TagValue("NonGuaranteed", "0")])
    trade = await settled(side, await side.call("placeOrder", combo, order), "Filled")
    await side.until(lambda: len(trade.fills) == 3, "the fills of the combo and its legs")
    return [[fill.contract.secType, fill.execution.side, fill.execution.shares] for fill in trade.fills]


@case("reqGlobalCancel", asked="with one order open")
async def global_cancel(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    trade = await settled(side, await side.call("placeOrder", stock, LimitOrder("BUY", 1, 1.0)), "Submitted")
    await side.call("reqGlobalCancel")
    return (await settled(side, trade, "Cancelled")).orderStatus.status


@case("whatIfOrder", asked="BUY 100 AAPL MKT")
async def what_if(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    return await side.call("whatIfOrder", stock, MarketOrder("BUY", 100))


@case("bracketOrder", asked="BUY 10, 100, 110, 90")
async def bracket(side: Side) -> Any:
    legs = await side.call("bracketOrder", "BUY", 10, 100.0, 110.0, 90.0)
    return [[leg.action, leg.orderType, leg.totalQuantity, leg.lmtPrice, leg.auxPrice, leg.transmit] for leg in legs]


@case("oneCancelsAll", asked="two limit orders, 'group', 1")
async def one_cancels_all(side: Side) -> Any:
    orders = [LimitOrder("BUY", 1, 1.0), LimitOrder("BUY", 1, 2.0)]
    return [[one.ocaGroup, one.ocaType] for one in await side.call("oneCancelsAll", orders, "group", 1)]


@case("reqOpenOrders", "reqAllOpenOrders", asked="with one order open", skip=ORDER, differs=KEPT)
async def open_orders(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    await settled(side, await side.call("placeOrder", stock, LimitOrder("BUY", 7, 1.0)), "Submitted")
    return [await side.call("reqOpenOrders"), await side.call("reqAllOpenOrders")]


@case("reqCompletedOrders", asked="False, after a fill")
async def completed_orders(side: Side) -> Any:
    await market_order(side)
    (trade,) = await side.call("reqCompletedOrders", False)
    return [trade.contract.conId, trade.order.permId, trade.order.totalQuantity, trade.orderStatus.status]


@case(
    "reqExecutions",
    asked="ExecutionFilter(symbol='AAPL'), after a fill",
    skip=ORDER,
    differs={
        "orderId": HANDLE["orderId"],
        **PLACE,
        **GAIN,
        "execId": "The commission report is in the answer; in ib_async's answer it is empty.",
        "commission": "As `execId`.",
        "currency": "As `execId`.",
    },
)
async def executions(side: Side) -> Any:
    await market_order(side)
    return await side.call("reqExecutions", ExecutionFilter(symbol="AAPL"))


@case(
    "reqAutoOpenOrders", asked="True", differs={"result": "Only clientId 0 may; ibmux raises what ib_async only logs."}
)
async def auto_open_orders(side: Side) -> Any:
    return await outcome(side, "reqAutoOpenOrders", True)


@case(
    "exerciseOptions",
    asked="a held option, exercise, 1, override",
    skip=ORDER,
    differs={"result": "A trade that tells how it went; ib_async returns nothing."},
)
async def exercise(side: Side) -> Any:
    held = [
        one for one in await side.call("positions", "DU1000001") if one.contract.secType == "OPT" and one.position > 0
    ]
    if not held:
        option = await _bought_option(side)
    else:
        option = held[0].contract
    option.exchange = "SMART"
    answer = await outcome(side, "exerciseOptions", option, 1, 1, "DU1000001", 1)
    await asyncio.sleep(0)
    return answer


async def _bought_option(side: Side) -> Any:
    chain = (await option_parameters(side))[0]
    expiry, strike = sorted(chain.expirations)[2], sorted(chain.strikes)[len(chain.strikes) // 2]
    (option,) = await qualified(side, Option("AAPL", expiry, strike, "C", "SMART", currency="USD"))
    await settled(side, await side.call("placeOrder", option, MarketOrder("BUY", 1, account="DU1000001")), "Filled")
    return option


async def outcome(side: Side, method: str, *args: Any) -> Any:
    """What a call returns, or the name of its error."""
    try:
        return await side.call(method, *args)
    except Exception as error:
        return f"{type(error).__name__}"


# -- the rest

simple("reqScannerParameters", asked="")
SCAN = ScannerSubscription(instrument="STK", locationCode="STK.US.MAJOR", scanCode="TOP_PERC_GAIN", numberOfRows=10)
simple("reqScannerData", SCAN, asked="TOP_PERC_GAIN, STK.US.MAJOR, 10 rows", moves=True)


@case("reqScannerSubscription", "cancelScannerSubscription", asked="MOST_ACTIVE, STK.US.MAJOR, 5 rows", moves=True)
async def scanner(side: Side) -> Any:
    live = await side.call(
        "reqScannerSubscription",
        ScannerSubscription(instrument="STK", locationCode="STK.US.MAJOR", scanCode="MOST_ACTIVE", numberOfRows=5),
    )
    await side.until(lambda: len(live) == 5, "five rows")
    found = list(live)
    await side.call("cancelScannerSubscription", live)
    return found


simple("reqNewsProviders")


@case("reqHistoricalNews", "reqNewsArticle", asked="AAPL, all providers, 10")
async def news(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    codes = "+".join(one.code for one in await side.call("reqNewsProviders"))
    found = await side.call("reqHistoricalNews", stock.conId, codes, "", "", 10)
    headlines = found if isinstance(found, list) else [found]
    first = headlines[0]
    return [headlines, await side.call("reqNewsArticle", first.providerCode, first.articleId)]


@case("reqNewsBulletins", "newsBulletins", "cancelNewsBulletins", asked="True")
async def bulletins(side: Side) -> Any:
    await side.call("reqNewsBulletins", True)
    side.gateway.bulletins.post(1, "Fire drill.", "NYSE")

    def posted() -> list[Any]:
        return [one for one in side.ib.newsBulletins() if one.message == "Fire drill."]

    (found,) = await side.until(posted, "the bulletin")
    await side.call("cancelNewsBulletins")
    return [found.msgType, found.message, found.origExchange]


@case("newsTicks", asked="AAPL, generic 292")
async def news_ticks(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    await side.call("reqMktData", stock, "mdoff,292")
    await side.gateway.pass_time(7200.0)
    await side.until(side.ib.newsTicks, "a headline")
    return list(side.ib.newsTicks())[:1]


@case("reqFundamentalData", asked="AAPL, ReportSnapshot", moves=True, fundamentals=True)
async def fundamentals(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    return await side.call("reqFundamentalData", stock, "ReportSnapshot")


@case("getWshMetaData", "getWshEventData", asked="WshEventData(conId)", moves=True)
async def wall_street_horizon(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    return [await side.call("getWshMetaData"), await side.call("getWshEventData", WshEventData(conId=stock.conId))]


@case(
    "reqWshMetaData", "cancelWshMetaData", "reqWshEventData", "cancelWshEventData", asked="in their order", moves=True
)
async def wall_street_horizon_by_hand(side: Side) -> Any:
    (stock,) = await qualified(side, AAPL)
    await side.call("reqWshMetaData")
    await side.call("cancelWshMetaData")
    await side.call("getWshMetaData")
    await side.call("reqWshEventData", WshEventData(conId=stock.conId))
    await side.call("cancelWshEventData")
    return "done"


@case(
    "requestFA",
    "replaceFA",
    asked="1 (groups), 1, the same groups",
    differs={"result": "`success`; ib_async returns nothing."},
    advisor=True,
)
async def advisor(side: Side) -> Any:
    groups = await side.call("requestFA", 1)
    assert "<ListOfGroups>" in groups
    return await side.call("replaceFA", 1, groups)


# -- the client itself


@case("isConnected", "sleep", "waitOnUpdate", asked="while connected")
async def client(side: Side) -> Any:
    return [side.ib.isConnected()]


NOT_REQUESTS = {
    "connect": "`ibmux.connect(name)`: no host, port or clientId; the script's name instead.",
    "disconnect": "`close()`, or the end of `async with`.",
    "run": "In plain scripts `ibmux.sync`; else asyncio's own.",
    "sleep": "The same; in asynchronous scripts `await ib.sleep(1)`.",
    "schedule": "The same.",
    "timeRange": "The same.",
    "waitUntil": "The same.",
    "waitOnUpdate": "The same.",
    "loopUntil": "The same.",
    "setTimeout": "The same.",
}
"""Methods that ask the gateway nothing, and what there is in ibmux."""
AROUND = {
    "`qualifyContracts` of a `Bag`": "None at its place: gateways refuse to describe combinations (321). ib_async "
    "takes 321 for a remark and waits for ever.",
    "`pendingTickersEvent`": "Once per turn of the loop in which something came, with the set of tickers that changed; "
    "while it is emitted their `ticks`, `tickByTicks` and `domTicks` are all that came since the last time.",
    "`ticker.updateEvent.trades()`, `bids()`, `asks()`, `bidasks()`, `midpoints()`": "The same: events of "
    "`(time, price, size)`.",
    "`timebars()`, `tickbars()`, `volumebars()` of these, operators of events": "Not here: connect a handler, or use "
    "`async for`; for bars ask `reqRealTimeBars` or `reqHistoricalData` with `keepUpToDate`.",
    "lists that grow (`RealTimeBarList`, `BarDataList`)": "The script's own, as in ib_async; `del bars[:-1000]` in a "
    "handler keeps the latest thousand, and what comes goes on at the end.",
    "`util.df(bars)`": "`ibmux.df(bars)`, also of ticks, positions, account values and other records (with pandas). "
    "ib_async's own `util.df` takes ibmux's ticks, not its bars, which are no dataclasses.",
}
"""What else of ib_async scripts use, and what there is in ibmux."""
START = dt.datetime(2026, 1, 7, 16, 0, tzinfo=dt.UTC)
