"""Requests: what ib_insync and ib_async really write is read field by field, at every server version."""

from collections.abc import Callable
from typing import Any

import ib_async
import ib_insync
import pytest

from ibmux.tws.framing import split_fields
from ibmux.tws.layout import BadMessage
from ibmux.tws.requests import REQUEST_NAMES, REQUESTS, find_id

LIBRARIES = [(ib_insync, 176), (ib_insync, 157), (ib_async, 157), (ib_async, 165), (ib_async, 176), (ib_async, 178)]
STOCK: dict[str, Any] = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}


def sent_by(library: Any, version: int, call: Callable[[Any], None]) -> list[str]:
    """Return the fields that the library's own client writes."""
    client = library.client.Client(None)
    client.connState = client.CONNECTED
    client._serverVersion = version
    written: list[str] = []
    client.sendMsg = written.append
    call(client)
    assert len(written) == 1
    return split_fields(written[0].encode())


def read(texts: list[str], version: int) -> dict[str, Any]:
    return REQUESTS[int(texts[0])].decode(texts, version)


def contract(library: Any, **more: Any) -> Any:
    return library.Contract(**STOCK | more)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "reqMktData": lambda c, k: c.reqMktData(7, k, "233", False, False, []),
    "cancelMktData": lambda c, k: c.cancelMktData(7),
    "reqContractDetails": lambda c, k: c.reqContractDetails(7, k),
    "reqMktDepth": lambda c, k: c.reqMktDepth(7, k, 5, False, []),
    "cancelMktDepth": lambda c, k: c.cancelMktDepth(7, False),
    "reqHistoricalData": lambda c, k: c.reqHistoricalData(7, k, "", "1 D", "1 min", "TRADES", True, 1, False, []),
    "exerciseOptions": lambda c, k: c.exerciseOptions(7, k, 1, 1, "DU1", 0),
    "reqRealTimeBars": lambda c, k: c.reqRealTimeBars(7, k, 5, "TRADES", True, []),
    "reqFundamentalData": lambda c, k: c.reqFundamentalData(7, k, "ReportSnapshot", []),
    "calculateImpliedVolatility": lambda c, k: c.calculateImpliedVolatility(7, k, 5.0, 150.0, []),
    "calculateOptionPrice": lambda c, k: c.calculateOptionPrice(7, k, 0.3, 150.0, []),
    "reqAccountSummary": lambda c, k: c.reqAccountSummary(7, "All", "NetLiquidation"),
    "reqPositionsMulti": lambda c, k: c.reqPositionsMulti(7, "DU1", ""),
    "reqAccountUpdatesMulti": lambda c, k: c.reqAccountUpdatesMulti(7, "DU1", "", False),
    "reqSecDefOptParams": lambda c, k: c.reqSecDefOptParams(7, "AAPL", "", "STK", 265598),
    "reqMatchingSymbols": lambda c, k: c.reqMatchingSymbols(7, "AAP"),
    "reqHeadTimeStamp": lambda c, k: c.reqHeadTimeStamp(7, k, "TRADES", True, 1),
    "reqHistogramData": lambda c, k: c.reqHistogramData(7, k, True, "1 day"),
    "reqPnL": lambda c, k: c.reqPnL(7, "DU1", ""),
    "reqPnLSingle": lambda c, k: c.reqPnLSingle(7, "DU1", "", 265598),
    "reqHistoricalTicks": lambda c, k: c.reqHistoricalTicks(7, k, "", "", 10, "TRADES", True, False, []),
    "reqTickByTickData": lambda c, k: c.reqTickByTickData(7, k, "Last", 0, False),
    "reqHistoricalNews": lambda c, k: c.reqHistoricalNews(7, 265598, "BRFG", "", "", 10, []),
    "reqNewsArticle": lambda c, k: c.reqNewsArticle(7, "BRFG", "BRFG$1", []),
    "replaceFA": lambda c, k: c.replaceFA(7, 1, "<xml/>"),
    "queryDisplayGroups": lambda c, k: c.queryDisplayGroups(7),
    "reqUserInfo": lambda c, k: c.reqUserInfo(7),
}


@pytest.mark.parametrize(("library", "version"), LIBRARIES)
@pytest.mark.parametrize("name", CALLS)
def test_requests_of_both_libraries_are_read_under_their_id(library: Any, version: int, name: str) -> None:
    texts = sent_by(library, version, lambda client: CALLS[name](client, contract(library)))
    message = REQUESTS[int(texts[0])]
    assert message is REQUEST_NAMES[name]
    ask = message.decode(texts, version)
    assert ask["reqId"] == 7
    assert find_id(message, texts, version) == 7
    if "symbol" in ask and name != "reqSecDefOptParams":
        assert (ask["conId"], ask["symbol"], ask["secType"]) == (265598, "AAPL", "STK")


@pytest.mark.parametrize(("library", "version"), LIBRARIES)
def test_executions_filter(library: Any, version: int) -> None:
    wanted = library.ExecutionFilter(clientId=3, acctCode="DU1", symbol="AAPL", side="BUY")
    ask = read(sent_by(library, version, lambda client: client.reqExecutions(9, wanted)), version)
    assert ask == {
        "reqId": 9, "clientId": 3, "acctCode": "DU1", "time": "", "symbol": "AAPL", "secType": "", "exchange": "",
        "side": "BUY",
    }  # fmt: skip


@pytest.mark.parametrize(("library", "version"), LIBRARIES)
def test_a_plain_order_is_read_to_its_last_field(library: Any, version: int) -> None:
    order = library.LimitOrder("BUY", 12.5, 150.25, account="DU1", orderRef="me", parentId=4, transmit=False)
    texts = sent_by(library, version, lambda client: client.placeOrder(5, contract(library), order))
    ask = read(texts, version)
    assert (ask["orderId"], ask["action"], ask["totalQuantity"], ask["lmtPrice"]) == (5, "BUY", 12.5, 150.25)
    assert (ask["account"], ask["orderRef"], ask["parentId"], ask["transmit"]) == ("DU1", "me", 4, False)
    with pytest.raises(BadMessage):
        REQUEST_NAMES["placeOrder"].decode(texts[:-1], version)


@pytest.mark.parametrize(("library", "version"), LIBRARIES)
def test_an_order_with_every_conditional_block(library: Any, version: int) -> None:
    order = library.Order(
        action="BUY", totalQuantity=1, orderType="PEG BENCH", lmtPrice=1.0, deltaNeutralOrderType="MKT", hedgeType="B",
        hedgeParam="1", scalePriceIncrement=0.5, algoStrategy="Adaptive", referenceExchangeId="ISLAND", whatIf=True,
        algoParams=[library.TagValue("adaptivePriority", "Normal")],
        conditions=[
            library.PriceCondition(price=10.0, conId=8, exch="SMART"), library.TimeCondition(time="20260101 10:00:00"),
            library.MarginCondition(percent=30), library.ExecutionCondition(secType="STK", exch="SMART", symbol="IBM"),
            library.VolumeCondition(volume=5, conId=9, exch="SMART"),
            library.PercentChangeCondition(changePercent=0.2, conId=7, exch="SMART"),
        ],
    )  # fmt: skip
    bag = contract(library, secType="BAG", conId=0, comboLegs=[library.ComboLeg(conId=1, ratio=2, action="BUY")])
    order.orderComboLegs = [library.OrderComboLeg(price=1.5)]
    order.smartComboRoutingParams = [library.TagValue("NonGuaranteed", "1")]
    texts = sent_by(library, version, lambda client: client.placeOrder(5, bag, order))
    ask = read(texts, version)
    assert [leg["ratio"] for leg in ask["comboLegs"]] == [2]
    assert ask["orderComboLegs"] == [1.5]
    assert ask["smartComboRoutingParams"] == [{"tag": "NonGuaranteed", "value": "1"}]
    assert ask["algoParams"] == [{"tag": "adaptivePriority", "value": "Normal"}]
    assert [condition["condType"] for condition in ask["conditions"]] == [1, 3, 4, 5, 6, 7]
    assert ask["conditions"][5]["changePercent"] == 0.2
    assert (ask["referenceExchangeId"], ask["whatIf"]) == ("ISLAND", True)
    assert REQUEST_NAMES["placeOrder"].encode(ask, version)[:3] == ["3", "5", "0"]
    with pytest.raises(BadMessage):
        REQUEST_NAMES["placeOrder"].decode(texts[:-1], version)


@pytest.mark.parametrize(("kind", "fields"), [("PEG MID", 2), ("PEG BEST", 2)])
def test_pegged_orders_carry_their_offsets(kind: str, fields: int) -> None:
    plain = sent_by(ib_async, 176, lambda c: c.placeOrder(5, contract(ib_async), ib_async.Order(orderType="LMT")))
    pegged = sent_by(ib_async, 176, lambda c: c.placeOrder(5, contract(ib_async), ib_async.Order(orderType=kind)))
    assert len(pegged) == len(plain) + fields
    assert read(pegged, 176)["orderType"] == kind


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["2", "2"], "reqId is missing"),
        (["2", "2", "x"], "reqId is no int: 'x'"),
        (["9", "8", "7", "1e999"], "conId"),
        (["1", "11", "7", "0", "A", "BAG", "", "", "", "", "", "", "", "", "", "999999"], "count of comboLegs"),
    ],
)
def test_malformed_requests_name_the_field(texts: list[str], reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        read(texts, 176)


def test_the_id_of_an_unreadable_message_is_found_where_it_stands() -> None:
    assert find_id(REQUESTS[9], ["9", "8", "7", "?"], 176) == 7
    assert find_id(REQUESTS[3], ["3", "12"], 176) == 12
    assert find_id(REQUESTS[3], ["3", "x"], 176) == -1
    assert find_id(REQUESTS[61], ["61", "1"], 176) == -1
