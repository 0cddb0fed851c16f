"""Each example, as a process of its own, against a real proxy and a simulated gateway."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest

from .conftest import EXAMPLES, PATIENCE, Stage, ended

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
