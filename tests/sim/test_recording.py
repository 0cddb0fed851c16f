"""Recording a gateway and playing the recording: with a real client, and what the file must not tell."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import ib_async
import pytest
from ports import free_port
from wire_client import until

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.recording.file import BadRecording, Entry, read
from ibmux.sim.recording.mask import Mask
from ibmux.sim.recording.reading import Day, find_days
from ibmux.sim.recording.recorder import Recorder
from ibmux.sim.recording.replayer import Replayer
from ibmux.tws.framing import split_fields
from ibmux.tws.replies import REPLIES, encode_reply

AAPL = ib_async.Stock("AAPL", "SMART", "USD")


@pytest.fixture
async def gateway() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(Settings(accounts=("DU7654321",), fill_delay=0.0, linger=0.0)) as running:
        yield running


def held(ib: ib_async.IB) -> list[tuple[int, float]]:
    return [(one.contract.conId, one.position) for one in ib.positions()]


async def spend_a_day(port: int) -> dict[str, object]:
    """What a script sees that asks for positions, bars and an order."""
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", port, clientId=5, timeout=20)
    try:
        before = held(ib)
        (stock,) = await ib.qualifyContractsAsync(AAPL)
        bars = await ib.reqHistoricalDataAsync(stock, "20260105 16:00:00 US/Eastern", "1 D", "1 hour", "TRADES", True)
        trade = ib.placeOrder(stock, ib_async.MarketOrder("BUY", 3))
        await until(
            lambda: trade.isDone() and trade.fills and all(fill.commissionReport.execId for fill in trade.fills)
        )
        await until(lambda: held(ib) != before)
        ticker = ib.reqMktData(stock)
        await until(ticker.hasBidAsk)
        return {
            "accounts": ib.managedAccounts(),
            "positions": (before, held(ib)),
            "bars": [(str(bar.date), bar.close) for bar in bars],
            "fills": [(fill.execution.shares, fill.execution.price, fill.execution.execId) for fill in trade.fills],
            "fees": [fill.commissionReport.commission for fill in trade.fills],
            "status": trade.orderStatus.status,
        }
    finally:
        ib.disconnect()


@pytest.mark.parametrize("name", ["day.jsonl", "day.jsonl.gz"])
async def test_a_recorded_day_is_played_as_it_was(gateway: SimulatedGateway, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    async with Recorder(("127.0.0.1", gateway.port), path) as recorder:
        before = await spend_a_day(recorder.port)
    days = find_days(read(path))
    assert [day.clientId for day in days] == ["5"]
    async with Replayer(days, speed=20.0) as replayer:
        after = await spend_a_day(replayer.port)
        assert replayer.unknown == []
    assert before["accounts"] == ["DU7654321"]
    assert after["accounts"] == ["DU0000001"]
    assert {**after, "accounts": None} == {**before, "accounts": None}
    assert before["fills"]


async def test_accounts_are_not_in_the_file(gateway: SimulatedGateway, tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    async with Recorder(("127.0.0.1", gateway.port), path, words=("Apple Inc", "APPLE INC")) as recorder:
        await spend_a_day(recorder.port)
        assert recorder.messages > 50
    text = path.read_text()
    assert "DU7654321" not in text
    assert "APPLE INC" not in text
    assert "DU0000001" in text


async def test_what_was_not_asked_on_the_day_is_refused_and_told(gateway: SimulatedGateway, tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    async with Recorder(("127.0.0.1", gateway.port), path) as recorder:
        await spend_a_day(recorder.port)
    async with Replayer(find_days(read(path))) as replayer:
        ib = ib_async.IB()
        codes: list[int] = []
        ib.errorEvent += lambda _id, code, *_: codes.append(code)
        await ib.connectAsync("127.0.0.1", replayer.port, clientId=5, timeout=20)
        ib.client.reqMatchingSymbols(77, "TSLA")
        await until(lambda: 321 in codes)
        assert replayer.unknown == ["reqMatchingSymbols"]
        ib.disconnect()
        other = ib_async.IB()
        with pytest.raises(asyncio.TimeoutError):  # every recorded connection has been played
            await other.connectAsync("127.0.0.1", replayer.port, clientId=5, timeout=0.5)


async def test_an_unreachable_gateway_is_in_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    async with Recorder(("127.0.0.1", free_port()), path) as recorder:
        reader, writer = await asyncio.open_connection("127.0.0.1", recorder.port)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
    (entry,) = read(path)
    assert entry.kind == "close"
    assert "cannot be reached" in entry.texts[0]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("U1234567", "U0000001"),
        ("600745656.0/DU1234567/100", "600745656.0/DU0000001/100"),
        ("DUC123456", "DUC0000001"),
        ("AAPL  260116C00150000", "AAPL  260116C00150000"),
        ("US0378331005", "US0378331005"),
        ("0000e0d5.67fe667b.01.01", "0000e0d5.67fe667b.01.01"),
        ("<alias>Jane Doe</alias>", "<alias>name1</alias>"),
        ("order of jane", "order of name1"),
    ],
)
def test_the_mask(text: str, hidden: str) -> None:
    assert Mask(["jane"]).hide([text]) == [hidden]


def test_names_are_found_by_their_field() -> None:
    message = REPLIES["openOrder"]
    order = {"faGroup": "Smith family", "orderRef": "close", "clearingIntent": "IB"}
    texts = split_fields(encode_reply("openOrder", order, 176)[4:])
    hidden = Mask().hide(texts, message, 176)
    assert "Smith family" in texts
    assert [(old, new) for old, new in zip(texts, hidden, strict=True) if old != new] == [("Smith family", "name1")]


def test_one_account_has_one_mask() -> None:
    assert Mask().hide(["DU1111111,DU2222222", "DU1111111"]) == ["DU0000001,DU0000002", "DU0000001"]


def test_streams_belong_to_who_asked_and_notices_to_nobody() -> None:
    texts = [
        Entry(0.0, 1, "open", ["176", "20260105 15:00:00 UTC"]),
        Entry(0.1, 1, "in", ["71", "2", "7", ""]),
        Entry(0.2, 1, "out", ["9", "1", "40"]),
        Entry(0.3, 1, "in", ["61", "1"]),
        Entry(0.4, 1, "out", ["62", "1"]),
        Entry(0.5, 1, "out", ["4", "2", "-1", "2104", "farm", ""]),
        Entry(0.6, 1, "close", ["gateway"]),
    ]
    (day,) = find_days(texts)
    assert [texts[0] for _, texts in day.unsolicited] == ["9", "4"]
    assert [texts for _, texts in day.exchanges[0].replies] == [["62", "1"]]
    assert day.ended == pytest.approx(0.5)


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(BadRecording, match="no recording"):
        list(read(path))
    path.write_text('{"ibmux_recording":1,"began":"x"}\n[0.1,1]\n')
    with pytest.raises(BadRecording, match="line 2"):
        list(read(path))


def test_a_recording_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text('{"ibmux_recording":1,"began":"x"}\n' + json.dumps([0.1, 1, "open", "176", "t"]) + "\n[0.2,1,")
    assert [entry.kind for entry in read(path)] == ["open"]


def test_the_next_day_of_the_same_client_is_taken_first() -> None:
    days = [Day(176, "t", clientId="1"), Day(176, "t", clientId="2")]
    replayer = Replayer(days)
    assert [replayer.take_day("2"), replayer.take_day("2"), replayer.take_day("2")] == [days[1], days[0], None]
