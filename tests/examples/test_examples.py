"""Each example, as a process of its own, against a real proxy and a simulated gateway."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.orders.order import ExecutionFilter

from .conftest import EXAMPLES, PATIENCE, Ended, Stage, ended

README = EXAMPLES.parent / "README.md"
TWENTY = 20


def code_lines(path: Path) -> int:
    """Lines of code but for comments and imports."""
    text = re.sub(r'^""".*?"""$', "", path.read_text(), count=1, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for line in text.splitlines()]
    return sum(bool(line) and not line.startswith(("#", "//", "import ", "from ")) for line in lines)


def symbols_held(stage: Stage) -> set[str]:
    accounts = stage.gateway.world.accounts
    return {each.contract.symbol for name in accounts.names for each in accounts[name].positions()}


def check_plain(stage: Stage, output: str, key: str) -> None:
    """Every position, one order that the gateway has, three quotes."""
    positions, order, quotes = re.split(r"^(order .*)$", output, flags=re.MULTILINE)
    assert set(re.findall(r"(\w+)'?: -?[\d.]+", positions)) == symbols_held(stage)
    assert re.fullmatch(rf"order {key} (PreSubmitted|Submitted|Filled)", order)
    assert re.fullmatch(r"(AAPL [\d.]+\n){3}", quotes.lstrip())
    assert stage.gateway.stats.orders_placed == 1


async def run_alone(*command: str) -> Ended:
    """A program that needs no proxy."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    async with ended(process):
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
        return Ended(process.returncode or 0, output.decode(), errors.decode())


async def test_aiomqtt_and_msgpack_alone_are_enough(stage: Stage) -> None:
    done = await stage.python("aiomqtt_msgpack.py", str(stage.port))
    assert (done.code, done.errors) == (0, "")
    check_plain(stage, done.output, "plain-1")


async def test_the_same_key_never_becomes_two_orders(stage: Stage) -> None:
    first = await stage.python("aiomqtt_msgpack.py", str(stage.port))
    second = await stage.python("aiomqtt_msgpack.py", str(stage.port))
    assert (first.code, second.code) == (0, 0)
    assert "order plain-1 " in second.output
    assert stage.gateway.stats.orders_placed == 1


async def test_a_script_that_may_only_read_cannot_trade(stage: Stage, tmp_path: Path) -> None:
    script = tmp_path / "reader.py"
    script.write_text((EXAMPLES / "aiomqtt_msgpack.py").read_text().replace("plain", "reader"))
    done = await stage.run(sys.executable, str(script), str(stage.port))
    assert done.code == 1
    assert "auth.forbidden" in done.errors
    assert stage.gateway.stats.orders_placed == 0


async def test_mqtt_js_is_enough(stage: Stage, node: Path) -> None:
    done = await stage.run("node", str(node / "index.js"), str(stage.port))
    assert (done.code, done.errors) == (0, "")
    check_plain(stage, done.output, "plain-js-1")


@pytest.mark.parametrize("name", ["aiomqtt_msgpack.py", "mqtt_js/index.js"])
def test_twenty_lines_are_enough(name: str) -> None:
    assert code_lines(EXAMPLES / name) <= TWENTY


async def test_closing_closes_every_stock_once(stage: Stage) -> None:
    first = await stage.python("closing.py")
    assert (first.code, first.errors) == (0, "")
    again = await stage.python("closing.py")
    assert again.code == 0
    assert len(first.lines) == len(again.lines) == stage.gateway.stats.orders_placed > 1
    assert all(re.search(r"(SELL|BUY) MOC is \w+$", line) for line in first.lines)


async def test_closing_fails_loudly_when_an_order_is_refused(stage: Stage) -> None:
    stage.proxy.config.scripts.pop("closing")
    done = await stage.python("closing.py")
    assert done.code == 1
    assert "NOT CLOSED" in done.errors
    assert stage.gateway.stats.orders_placed == 0


async def test_closing_fails_loudly_without_a_proxy(stage: Stage) -> None:
    stage.environment["IBMUX_URL"] = "unix:///nonexistent/ibmux.sock"
    done = await stage.python("closing.py")
    assert done.code == 1
    assert done.errors.startswith("NOTHING WAS CLOSED: ")


async def test_closed_or_raise_closes_every_stock_once(stage: Stage) -> None:
    first = await stage.python("close_positions.py")
    assert (first.code, first.errors) == (0, "")
    assert len(first.lines) == stage.gateway.stats.orders_placed == 8
    assert all(re.fullmatch(r"DU100000\d \w+: (SELL|BUY) \d+ MOC is \w+", line) for line in first.lines)
    again = await stage.python("close_positions.py", "AAPL")
    assert (again.code, stage.gateway.stats.orders_placed) == (0, 8)


async def test_closed_or_raise_names_what_is_not(stage: Stage) -> None:
    await stage.gateway.faults.reject_next(201, "Order rejected - reason:too late for the close")
    done = await stage.python("close_positions.py", "AAPL", "MSFT")
    assert done.code == 1
    assert done.errors.startswith("NOT CLOSED: 1 of 2 positions is not closed: DU1000001 ")
    assert "too late for the close" in done.errors
    assert stage.gateway.stats.orders_placed == 2


async def test_closed_or_raise_without_a_proxy(stage: Stage) -> None:
    stage.environment["IBMUX_URL"] = "unix:///nonexistent/ibmux.sock"
    done = await stage.python("close_positions.py")
    assert done.code == 1
    assert done.errors.startswith("NOTHING WAS CLOSED: ")


async def test_monitor_follows_until_it_is_interrupted(stage: Stage) -> None:
    process = await stage.start(sys.executable, str(EXAMPLES / "monitor.py"), "AAPL", "MSFT")
    async with ended(process), asyncio.timeout(PATIENCE):
        assert process.stdout is not None
        wanted = {"AAPL", "MSFT", "DU1000001"}
        while wanted:
            line = await process.stdout.readline()
            assert line, (await process.communicate())[1].decode()
            wanted.discard(line.decode().split()[0])
        process.send_signal(signal.SIGINT)
        await process.communicate()
        assert process.returncode == 0


async def test_the_tape_shows_each_trade_once_beside_the_book(stage: Stage) -> None:
    done = await stage.python("tape_and_book.py", "MSFT")
    assert (done.code, done.errors) == (0, "")
    trades = [line for line in done.lines if re.fullmatch(r"\d\d:\d\d:\d\d [\d.]+ at [\d.]+ \w+", line)]
    books = [line for line in done.lines if line.startswith(" ")]
    assert len(trades) == len(books) >= 10
    for line in books:
        bids, asks = ([float(price) for price in re.findall(r"@ ([\d.]+)", half)] for half in line.split("|"))
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert len(bids) == len(asks) == 3
        assert bids[0] < asks[0]


async def test_bars_of_a_minute_and_of_five_seconds(stage: Stage) -> None:
    done = await stage.python("bars.py", "AAPL", "2")
    assert (done.code, done.errors) == (0, "")
    assert re.match(r"\d+ minutes, \d\d:\d\d to \d\d:\d\d UTC", done.lines[0])
    assert len(re.findall(r"^\d\d:\d\d:\d[05] open [\d.]+ close [\d.]+$", done.output, re.MULTILINE)) == 2


async def test_gainers_and_what_is_written_about_the_first(stage: Stage) -> None:
    done = await stage.python("gainers.py")
    assert (done.code, done.errors) == (0, "")
    assert [line[:2] for line in done.lines[:5]] == ["1.", "2.", "3.", "4.", "5."]
    headlines = re.findall(r"^\d{4}-\d\d-\d\d \d\d:\d\d [\w-]+: (.+)$", done.output, re.MULTILINE)
    assert headlines
    assert done.output.partition("\n\n")[2].strip()


async def test_a_spread_is_one_order_with_two_legs(stage: Stage) -> None:
    first = await stage.python("spread.py", "a-key")
    assert (first.code, first.errors) == (0, "")
    assert re.match(r"margin [+-][\d,]+, commission [\d.]+\n", first.output)
    again = await stage.python("spread.py", "a-key")
    for done in (first, again):
        assert "Filled" in done.lines
        assert {"BOT 10 AAPL STK", "SLD 10 MSFT STK"} <= set(done.lines)
    sold = stage.gateway.book.executions(ExecutionFilter(symbol="MSFT", secType="STK"))
    assert sum(each.shares for each, _ in sold) == 10


async def test_a_scenario_is_played_from_python() -> None:
    done = await run_alone(sys.executable, str(EXAMPLES / "day_in_seconds.py"))
    assert done.code == 0
    assert "Error 1100" in done.errors
    assert "Error 1102" in done.errors
    states = [line.split(maxsplit=2) for line in done.lines[1:]]
    assert {time: rest.split()[0] for time, _, rest in states} == {
        f"{20 + minute // 60}:{minute % 60:02}": "Filled" if minute > 60 else "Submitted" for minute in range(42, 72, 2)
    }


async def test_the_users_own_tests_pass_in_a_pytest_of_their_own(tmp_path: Path) -> None:
    """Without the settings of this project, as they are copied."""
    copy = tmp_path / "test_my_script.py"
    copy.write_text((EXAMPLES / "test_my_script.py").read_text())
    done = await run_alone(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(copy)
    )
    assert (done.code, re.findall(r"(\d+) passed", done.output)) == (0, ["3"]), done.output


async def test_the_first_script_of_the_simulators_document(tmp_path: Path) -> None:
    """It is for port 4002, and ib_async alone."""
    first = re.findall(r"^```python\n(.*?)^```", (EXAMPLES.parent / "docs" / "simulator.md").read_text(), re.M | re.S)[
        0
    ]
    script = tmp_path / "first.py"
    async with SimulatedGateway(Settings(partial_share=0.0)) as gateway:
        assert first.count("4002") == 1
        script.write_text(first.replace("4002", str(gateway.port)))
        done = await run_alone(sys.executable, str(script))
    assert (done.code, done.lines[-1].split()[0]) == (0, "Filled"), done.errors
    assert gateway.stats.orders_placed == 1


async def test_the_readmes_script_works_as_it_stands(stage: Stage, tmp_path: Path) -> None:
    _, after, stream = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    script = tmp_path / "after.py"
    script.write_text(after)
    done = await stage.run(sys.executable, str(script))
    assert (done.code, done.errors) == (0, "")
    assert len(done.lines) == stage.gateway.stats.orders_placed > 1
    assert all(re.fullmatch(r"\w+ (PreSubmitted|Submitted|Filled)", line) for line in done.lines)
    script.write_text(stream)
    process = await stage.start(sys.executable, "-u", str(script))
    async with ended(process), asyncio.timeout(PATIENCE):
        assert process.stdout is not None
        assert re.fullmatch(rb"[\d.]+ [\d.]+\n", await process.stdout.readline())
