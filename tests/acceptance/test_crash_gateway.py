"""The gateway's program of the crash tests passes everything on, dies where it is to, and takes with it what it had."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from crash_gateway import GatewayProgram, forget_held
from crash_nursing import Nursery, nursery
from stage import PROCESSES, until

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.catalogue.contracts import Query
from ibmux.sim.events import OrderError
from ibmux.sim.orders.order import OrderSpec
from ibmux.tws.framing import join_fields
from ibmux.tws.replies import REPLIES
from ibmux.tws.requests import REQUEST_NAMES

sys.path.append(str(PROCESSES))
import crash_hands
from crash_hands import Hands, Held
from crash_relay import POINTS, UP, Cutter, number_of

GREETING = b"API\0" + b"\0\0\0\x09v100..176"
ORDER = join_fields(["3", "7", "AAPL"])
QUESTION = join_fields(["49", "1"])
ANSWER = join_fields(["49", "1", "1767625200"])


class Servers:
    """What stands behind the program here: it keeps what comes, and says what it is told to."""

    def __init__(self) -> None:
        self.heard = b""
        self.ends = 0
        self.port = 0
        self.writer: asyncio.StreamWriter | None = None
        self.addresses: list[socket.socket] = []

    def own_port(self) -> int:
        """A port for a program, which nobody else gets meanwhile: it is bound here too, and not listened on."""
        self.addresses.append(address := socket.socket())
        address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        address.bind(("127.0.0.1", 0))
        return int(address.getsockname()[1])

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.writer = writer
        try:
            while data := await reader.read(1000):
                self.heard += data
        except ConnectionError:
            pass  # ended all the same
        self.ends += 1
        writer.close()


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    running = Servers()
    listening = await asyncio.start_server(running.talk, "127.0.0.1", 0)
    running.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield running
    for address in running.addresses:
        address.close()


async def start(
    running: Nursery, behind: Servers, folder: Path, aim: tuple[str, int], *, share: float = 0.0, hands: str = "hands"
) -> tuple[int, int]:
    """A program; its number and its port."""
    port = behind.own_port()
    child = await running.start(
        "gateway", name="gateway", port=port, target=behind.port, aim=aim, seed="0", share=share, longest=0.01,
        hands=str(folder / hands), errors=str(folder / "errors"),
    )  # fmt: skip
    await until(lambda: child in running.ready, "it listens", 20)
    return child, port


ORDERLY = ("with an order in its hands", 1)


@pytest.mark.parametrize("point", POINTS)
def test_every_point_is_at_a_message(point: str) -> None:
    way, name, side, highest = POINTS[point]
    assert name in (REQUEST_NAMES if way == UP else REPLIES)
    assert side in ("before", "amid", "after")
    assert highest >= 1


@pytest.mark.parametrize("size", [1, 3, 10, 1000])
def test_messages_are_whole_however_they_come(size: int) -> None:
    stream, cutter = GREETING + ORDER + QUESTION + ORDER[:5], Cutter()
    found = [each for n in range(0, len(stream), size) for each in cutter.feed(stream[n : n + size])]
    assert found == [GREETING, ORDER, QUESTION]
    assert [number_of(each) for each in found] == [b"", b"3", b"49"]
    assert cutter.rest == ORDER[:5]


def test_what_is_in_its_hands_can_be_read(tmp_path: Path) -> None:
    hands = Hands(tmp_path / "hands")
    hands.add(up=100, orders=1)
    hands.add(up=-60, down=7)
    assert crash_hands.read(tmp_path / "hands") == Held(up=40, orders=1, down=7)
    Hands(tmp_path / "hands")
    assert crash_hands.read(tmp_path / "hands") == Held()


async def test_everything_is_passed_on_both_ways_in_its_order(tmp_path: Path) -> None:
    async with servers() as behind, nursery() as running:
        _, port = await start(running, behind, tmp_path, ORDERLY, share=0.5)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        wanted = GREETING + (ORDER + QUESTION) * 20
        writer.write(wanted + ORDER[:5])  # what never becomes whole is nothing to a gateway
        await until(lambda: len(behind.heard) >= len(wanted), "all of it is heard")
        assert behind.writer is not None
        behind.writer.write(ANSWER * 30)
        assert await asyncio.wait_for(reader.readexactly(30 * len(ANSWER)), 10) == ANSWER * 30
        writer.close()
        await until(lambda: behind.ends, "the end is passed on")
        assert behind.heard == wanted
        await until(lambda: crash_hands.read(tmp_path / "hands") == Held(), "its hands are empty")


async def test_the_end_of_the_servers_is_passed_on(tmp_path: Path) -> None:
    async with servers() as behind, nursery() as running:
        _, port = await start(running, behind, tmp_path, ORDERLY)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GREETING)
        await until(lambda: behind.heard, "it is connected")
        assert behind.writer is not None
        behind.writer.write(ANSWER)
        behind.writer.close()
        assert await asyncio.wait_for(reader.read(), 10) == ANSWER
        writer.close()


@pytest.mark.parametrize(
    ("point", "number", "heard", "held"),
    [
        ("with an order in its hands", 2, ORDER + QUESTION, Held(len(ORDER), 1)),
        ("with half an order passed on", 2, ORDER + QUESTION + ORDER[: len(ORDER) // 2], Held(len(ORDER), 1)),
        ("with an order passed on", 1, ORDER, Held(len(ORDER + QUESTION + ORDER), 1)),
    ],
)
async def test_it_ends_at_its_point_and_takes_along_what_it_has(
    tmp_path: Path, point: str, number: int, heard: bytes, held: Held
) -> None:
    async with servers() as behind, nursery() as running:
        child, port = await start(running, behind, tmp_path, (point, number))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GREETING + ORDER)  # it is not armed yet
        await until(lambda: behind.heard == GREETING + ORDER, "the first order is passed on")
        running.arm(child)
        await until(lambda: child in running.armed, "it is armed")
        writer.write(ORDER + QUESTION + ORDER)
        await until(lambda: child in running.ended, "its end")
        assert running.ended[child] == -signal.SIGKILL
        await until(lambda: behind.ends, "the servers notice")
        assert behind.heard == GREETING + ORDER + heard
        assert crash_hands.read(tmp_path / "hands") == held
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 10)
        writer.close()


async def test_others_die_with_it(tmp_path: Path) -> None:
    async with servers() as behind, nursery() as running:
        (one, port), (other, _), (third, _) = [
            await start(running, behind, tmp_path, ORDERLY, hands=name) for name in ("one", "other", "third")
        ]
        running.arm(one, other)
        await until(lambda: one in running.armed, "it is armed")
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GREETING + ORDER)
        await until(lambda: {one, other} <= running.ended.keys(), "both ends")
        assert third not in running.ended
        await running.kill(third)
        writer.close()


async def test_children_that_are_started_at_once_are_not_taken_for_each_other(tmp_path: Path) -> None:
    async with servers() as behind, nursery() as running:
        started = await asyncio.gather(*(start(running, behind, tmp_path, ORDERLY, hands=str(n)) for n in range(8)))
        for child, port in started:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await running.kill(child)
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", port)


async def test_it_comes_back_on_its_port_which_refuses_meanwhile(tmp_path: Path) -> None:
    async with SimulatedGateway(Settings(linger=0.0)) as simulator, nursery() as running:
        program = GatewayProgram(1, tmp_path, simulator, running)
        await program.start()
        try:
            for lives in (1, 2, 3):
                reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
                await until(lambda: simulator.connections, "the servers see it")
                assert await program.die(of="alone") == "alone"
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await asyncio.wait_for(reader.readexactly(1), 10)
                writer.close()
                await until(lambda: not simulator.connections, "the servers see its end")
                assert program.deaths["alone"] == lives
                await program.back()
        finally:
            await program.close()
    assert "gateway killed 3 times: {'alone': 3}" in "".join(program.figures())


async def test_what_was_not_transmitted_is_gone_with_it() -> None:
    query = Query(symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
    async with SimulatedGateway(Settings()) as simulator:
        first = OrderSpec(
            orderId=1, clientId=1, action="BUY", totalQuantity=Decimal(1), orderType="LMT", lmtPrice=1.0, transmit=False
        )
        for spec in (first, replace(first, orderId=2, transmit=True)):
            simulator.book.place(spec, query, simulator.clock.now())
        assert forget_held(simulator) == 1
        assert [order.orderId for order in simulator.book._book.open()] == [2]
        [refusal] = simulator.book.cancel(1, 1, simulator.clock.now())
        assert isinstance(refusal, OrderError)
        assert refusal.code == 10147
