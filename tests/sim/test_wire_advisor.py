"""An advisor's login, model portfolios, display groups, the read-only mode and the user."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from wire_client import Opener, RawOpener, until

from ibmux.sim import Settings, SimulatedGateway
from ibmux.sim.accounts.advisor import master
from ibmux.tws.requests import REQUEST_NAMES

FIRST, SECOND = "DU1000001", "DU1000002"
MASTER = master((FIRST, SECOND))
GROUP = (
    "<ListOfGroups><Group><name>Mine</name><defaultMethod>Equal</defaultMethod>"
    "<ListOfAccts varName='list'><String>{}</String></ListOfAccts></Group></ListOfGroups>"
)


async def test_an_advisor_reads_and_replaces_groups(open_gateway: Opener, connect: Any) -> None:
    ib = await connect(await open_gateway(advisor=True))
    assert ib.managedAccounts() == [MASTER, FIRST, SECOND]
    groups = ET.fromstring(await ib.requestFAAsync(1))  # noqa: S314
    assert {each.text for each in groups.iterfind(".//acct")} == {FIRST, SECOND}
    aliases = ET.fromstring(await ib.requestFAAsync(3))  # noqa: S314
    assert [each.findtext("account") for each in aliases] == [MASTER, FIRST, SECOND]
    ib.replaceFA(1, GROUP.format(SECOND))
    assert SECOND in await ib.requestFAAsync(1)
    assert [error for error in ib.errors if error[1] < 2100] == []


async def test_groups_stand_for_their_accounts(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(advisor=True), 1)
    client.send(19, 1, 1, GROUP.format(SECOND), 5)
    await until(lambda: client.of(103))
    assert client.of(103) == [["103", "5", "success"]]
    client.send(62, 1, 6, "Mine", "NetLiquidation")
    client.send(74, 1, 7, MASTER, "")
    client.send(62, 1, 8, "Nobody", "NetLiquidation")
    await until(lambda: client.of(64) and client.of(72) and (8, 321) in client.errors())
    assert {message[3] for message in client.of(63)} == {SECOND}
    assert {message[3] for message in client.of(71)} == {FIRST, SECOND}


async def test_bad_documents_change_nothing(open_gateway: Opener, raw: RawOpener) -> None:
    client = await raw(await open_gateway(advisor=True), 1)
    client.send(18, 1, 1)
    await until(lambda: client.of(16))
    bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]><ListOfGroups>&b;</ListOfGroups>"
    bad = (GROUP.format("DU0"), "<ListOfGroups>", "", bomb, "<Other><a/></Other>")
    for request_id, xml in enumerate(bad, start=10):
        client.send(19, 1, 1, xml, request_id)
    client.send(19, 1, 2, GROUP.format(FIRST), 20)
    client.send(18, 1, 2)
    client.send(18, 1, 9)
    wanted = {(10, 10231), (11, 321), (12, 321), (13, 321), (14, 321), (20, 321), (-1, 321)}
    await until(lambda: wanted <= set(client.errors()))
    client.send(18, 1, 1)
    await until(lambda: len(client.of(16)) == 2)
    assert client.of(16)[0] == client.of(16)[1]
    assert client.of(103) == []


async def test_others_have_no_such_data(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(18, 1, 1)
    client.send(19, 1, 1, GROUP.format(FIRST), 5)
    await until(lambda: {(-1, 321), (5, 321)} <= set(client.errors()))
    assert all("FA data operations ignored" in message[4] for message in client.of(4) if message[3] == "321")


async def test_models_hold_a_share_of_the_positions(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(models=("Core", "Growth"))
    client = await raw(gateway, 1)
    for request_id, model in enumerate(("", "Core", "Growth", "Other"), start=1):
        client.send(74, 1, request_id, FIRST, model)
        client.send(76, 1, 10 + request_id, FIRST, model, 0)
        client.send(92, 20 + request_id, FIRST, model)
    refused = {(4, 321), (14, 321), (24, 321)}
    await until(lambda: len(client.of(72)) == len(client.of(74)) == 3 and refused <= set(client.errors()))
    whole = {row[4]: float(row[15]) for row in client.of(71) if row[2] == "1"}
    parts = [{row[4]: float(row[15]) for row in client.of(71) if row[2] == number} for number in ("2", "3")]
    assert whole
    assert any(parts)
    assert set(parts[0]).isdisjoint(parts[1])
    for part in parts:
        for conId, position in part.items():
            assert 0 < abs(position) < abs(whole[conId])
            assert position * whole[conId] > 0
    assert {row[17] for row in client.of(71) if row[2] == "2"} <= {"Core"}
    values = {(row[2], row[5], row[7]): float(row[6]) for row in client.of(73) if row[5] == "GrossPositionValue"}
    assert values["12", "GrossPositionValue", "USD"] < values["11", "GrossPositionValue", "USD"]
    await until(lambda: {row[1] for row in client.of(94)} == {"21", "22", "23"})


async def test_a_models_positions_follow_the_account(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(models=("Core",))
    client = await raw(gateway, 1)
    world = gateway.world
    owned = next(
        details for details in world.universe.listed()
        if details.contract.primaryExchange == "NYSE" and world.models.of(details.contract.conId)[0] == "Core"
    ).contract  # fmt: skip
    client.send(74, 1, 1, FIRST, "Core")
    await until(lambda: client.of(72))
    assert str(owned.conId) not in {row[4] for row in client.of(71)}
    order = {
        "orderId": 1, "conId": owned.conId, "exchange": "SMART", "action": "BUY", "totalQuantity": 100,
        "orderType": "MKT", "account": FIRST, "transmit": True,
    }  # fmt: skip
    client.send(*REQUEST_NAMES["placeOrder"].encode(order, client.version))
    await until(lambda: str(owned.conId) in {row[4] for row in client.of(71)})
    row = next(row for row in client.of(71) if row[4] == str(owned.conId))
    assert float(row[15]) == 100 * float(world.models.of(owned.conId)[1])


async def test_ledger_and_net_liquidation_alone(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    client.send(76, 1, 1, SECOND, "", 1)
    client.send(76, 1, 2, SECOND, "", 0)
    await until(lambda: len(client.of(74)) == 2)
    few = {row[5] for row in client.of(73) if row[2] == "1"}
    many = {row[5] for row in client.of(73) if row[2] == "2"}
    assert {"NetLiquidation", "CashBalance", "StockMarketValue", "RealCurrency"} <= few < many
    assert "BuyingPower" not in few


async def test_profit_of_all_accounts_together(gateway: SimulatedGateway, raw: RawOpener) -> None:
    client = await raw(gateway, 1)
    for request_id, account in enumerate((FIRST, SECOND, "All"), start=1):
        client.send(92, request_id, account, "")
    await until(lambda: {row[1] for row in client.of(94)} == {"1", "2", "3"})
    unrealized = {row[1]: float(row[3]) for row in reversed(client.of(94))}
    assert unrealized["3"] == pytest.approx(unrealized["1"] + unrealized["2"], abs=0.02)


async def test_read_only_refuses_orders_and_nothing_else(open_gateway: Opener, raw: RawOpener, connect: Any) -> None:
    gateway = await open_gateway(read_only=True)
    client = await raw(gateway, 1)
    order = {
        "orderId": 9,
        "conId": 265598,
        "exchange": "SMART",
        "action": "BUY",
        "totalQuantity": 1,
        "orderType": "MKT",
    }
    client.send(*REQUEST_NAMES["placeOrder"].encode(order, client.version))
    client.send(4, 1, 8, "")
    client.send(5, 1)
    client.send(99, 1)
    client.send(8, 1, 1)
    await until(lambda: {(9, 321), (8, 321)} <= set(client.errors()) and client.errors().count((-1, 321)) == 3)
    assert all("API interface is currently in Read-Only mode" in row[4] for row in client.of(4) if row[3] == "321")
    client.send(61, 1)
    client.send(7, 3, 11, 0, "", "", "", "", "", "")
    await until(lambda: client.of(62) and client.of(55))
    assert gateway.book.open_orders(None) == []
    ib = await connect(gateway, 2, readonly=True)
    assert ib.positions()
    assert not [error for error in ib.errors if error[1] == 321]


async def test_display_groups_are_a_matter_of_tws(open_gateway: Opener, raw: RawOpener) -> None:
    tws = await open_gateway(program="tws")
    one, two = await raw(tws, 1), await raw(tws, 2)
    one.send(67, 1, 5)
    one.send(68, 1, 6, 3)
    two.send(68, 1, 7, 3)
    two.send(68, 1, 8, 99)
    two.send(69, 1, 55, "265598@SMART")
    await until(lambda: one.of(67) and one.of(68) and two.of(68) and {(8, 322), (55, 322)} <= set(two.errors()))
    assert one.of(67) == [["67", "1", "5", "1|2|3|4|5|6|7"]]
    two.send(69, 1, 7, "265598@SMART")
    await until(lambda: len(one.of(68)) == len(two.of(68)) == 2)
    assert [row[2:] for row in one.of(68)] == [["6", "none"], ["6", "265598@SMART"]]
    one.send(70, 1, 6)
    one.send(70, 1, 6)
    await until(lambda: (6, 322) in one.errors())
    two.send(69, 1, 7, "8314@SMART")
    await until(lambda: len(two.of(68)) == 3)
    assert len(one.of(68)) == 2
    gateway = await raw(await open_gateway(), 1)
    for number, tail in ((67, ()), (68, (1,)), (69, ("265598@SMART",)), (70, ())):
        gateway.send(number, 1, number, *tail)
    await until(lambda: {(number, 322) for number in (67, 68, 69, 70)} <= set(gateway.errors()))


async def test_the_user_and_the_time(open_gateway: Opener, raw: RawOpener) -> None:
    gateway = await open_gateway(white_brand="Brand", time_pause=60.0)
    client = await raw(gateway, 1)
    client.send(104, 5)
    client.send(49, 1)
    client.send(49, 1)
    client.send(61, 1)
    await until(lambda: client.of(62))
    assert client.of(107) == [["107", "5", "Brand"]]
    assert len(client.of(49)) == 1


def test_settings_name_the_program() -> None:
    with pytest.raises(ValueError, match="program"):
        Settings(program="mobile")
    with pytest.raises(ValueError, match="bulletins"):
        Settings(bulletins=-1.0)
