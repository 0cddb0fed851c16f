"""Faults alone and in random sequences: when they are lifted, every client is served as if nothing had been."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys

import pytest
from ports import free_port
from wire_client import FAST, Raw, until

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.faults.verbs import VERBS
from ibmux.tws.handshake import Greeting, encode_greeting
from ibmux.tws.requests import REQUEST_NAMES

ARGUMENTS = {
    "refuse": ["", "1"], "reset": ["", "1"], "silent": ["", "2"], "silent_api": ["", "2"], "slam": ["", "0.01"],
    "half_open": ["", "new=silent", "new=refuse", "ids=held"], "freeze": ["", "1"], "thaw": [""], "drop": ["", "1"],
    "stuck": ["1", "2 1"], "occupy": ["1", "9 1"], "unstuck": [""], "full": ["", "1"], "strict": ["", "1 1"],
    "move_port": ["", "0 1"], "cut": ["", "1", "bare=yes", "told=lost", "told=through broken=yes",
            "word=farms", "bare=yes word=none"],
    "restore": ["", "yes", "word=none"],
    "farm": ["usfarm", "ushmds", "secdefil broken no", "usfuture inactive", "usfarm ok"],
    "blip": ["", "ushmds 1", "cashfarm 1 no"], "compete": ["", "1"],
    "restart": ["1", "2 roll=3", "1 settle=1", "1 fragile=30"],
    "logout": ["", "silent"], "login": [""], "read_only": ["", "1"], "wrong_account": ["", "U1 U2"],
    "slow_sync": ["1"], "partial_sync": ["", "positionEnd"], "delay": ["0.1", "1 1"],
    "duplicate": ["50%", "0.2 orderStatus"], "reorder": ["50%"], "lose": ["20%", "100% execDetails"], "hush": ["30%"],
    "say": ["2104 x", "1100"], "reject_next": ["", "201 no 2"], "delay_next": ["1"], "hold_next": ["", "1"],
    "release": [""], "roll_ids": ["2"], "fork_on_modify": [""], "shock": ["-3%", "+1% 10"],
    "deaden": ["", "quotes", "depth"], "heal": [""],
    "clear": [""], "lift": ["cut"], "speed": ["1"], "status": [""], "log": ["5"], "help": ["", "cut"],
}  # fmt: skip
ORDER = {
    "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD", "action": "BUY", "totalQuantity": 1,
    "orderType": "MKT", "transmit": True, "account": "DU1000001",
}  # fmt: skip


def test_every_verb_is_tried() -> None:
    assert set(ARGUMENTS) == set(VERBS)


async def dial(gateway: SimulatedGateway) -> Raw:
    client = Raw(*await asyncio.open_connection(gateway.host, gateway.port))
    client.writer.write(encode_greeting(Greeting(157, 176)))
    return client


async def visit(gateway: SimulatedGateway, rng: random.Random) -> None:
    """A client that tries something while faults are in force, and is not sure of anything."""
    with contextlib.suppress(ConnectionError):
        client = await dial(gateway)
        client.send(71, 2, rng.randrange(1, 4), "")
        client.send(61, 1)
        client.send(*REQUEST_NAMES["placeOrder"].encode(ORDER | {"orderId": rng.randrange(1, 50)}, 176))
        await asyncio.wait({client._task}, timeout=0.01)
        await client.close()


async def is_well(gateway: SimulatedGateway) -> None:
    """A new client gets everything that a gateway without faults gives."""
    client = await dial(gateway)
    await until(lambda: client.version == 176)
    await client.start(7)
    assert client.of(15) == [["15", "1", "DU1000001,DU1000002"]]
    assert [code for _, code in client.errors()] == [2104, 2104, 2106, 2158]
    client.send(61, 1)
    client.send(5, 1)
    client.send(9, 8, 5, 0, "AAPL", "STK", "", 0, "", "", "SMART", "", "USD", "", "", 0, "", "", "")
    client.send(1, 11, 6, 0, "AAPL", "STK", "", 0, "", "", "SMART", "", "USD", "", "", 0, "", 0, 0, "")
    await until(lambda: client.of(62) and client.of(53) and client.of(52) and client.of(58))
    ticks = len(client.of(1)) + len(client.of(2))
    await until(lambda: len(client.of(1)) + len(client.of(2)) > ticks)
    await client.close()
    await until(lambda: not gateway.clients)


@pytest.mark.parametrize("verb", sorted(ARGUMENTS))
async def test_each_fault_alone(verb: str) -> None:
    rng = random.Random(1)
    async with SimulatedGateway(Settings(**FAST | {"rate": 400.0, "port": free_port()})) as gateway:
        for arguments in ARGUMENTS[verb]:
            with contextlib.suppress(ValueError):  # `lift cut` without a cut
                await gateway.faults.apply(f"{verb} {arguments}")
            await visit(gateway, rng)
            await gateway.faults.heal()
            gateway.ids.free()
            assert gateway.faults.in_force == {}
            await is_well(gateway)
        assert gateway.log.of("error") == []


async def test_random_sequences_of_faults(caplog: pytest.LogCaptureFixture) -> None:
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    rng = random.Random(seed)
    sys.stdout.write(f"IBMUX_SEED={seed}\n")
    with caplog.at_level("ERROR"):
        async with SimulatedGateway(
            Settings(**FAST | {"rate": 400.0, "seed": seed % 1000, "port": free_port()})
        ) as gateway:
            for _ in range(12):
                for _ in range(rng.randrange(1, 12)):
                    verb = rng.choice(sorted(ARGUMENTS))
                    with contextlib.suppress(ValueError):
                        await gateway.faults.apply(f"{verb} {rng.choice(ARGUMENTS[verb])}")
                    if rng.random() < 0.5:
                        await visit(gateway, rng)
                await gateway.faults.heal()
                gateway.ids.free()
                assert gateway.faults.in_force == {}, f"seed {seed}"
                await is_well(gateway)
    assert not [record.getMessage() for record in caplog.records], f"seed {seed}"
