"""Bonds over the wire: message 18, by CUSIP, ISIN, number and issuer."""

from __future__ import annotations

from typing import Any

import pytest
from wire_client import Opener, Raw, RawOpener, until

from ibmux.sim.catalogue.bonds import ISSUERS
from ibmux.sim.catalogue.identifiers import cusip, cusip_of, figi, with_check_digit
from ibmux.tws.requests import REQUEST_NAMES

LONG_BOND = cusip("912810T9")  # 4 % of 2042


@pytest.mark.parametrize("field", ["symbol", "CUSIP", "ISIN"])
async def test_a_bond_is_found_by_its_number(ib: Any, library: Any, field: str) -> None:
    asked = library.Bond(exchange="SMART", currency="USD")
    if field == "symbol":
        asked.symbol = LONG_BOND
    else:
        asked.secIdType, asked.secId = field, LONG_BOND if field == "CUSIP" else with_check_digit(f"US{LONG_BOND}")
    [found] = await ib.reqContractDetailsAsync(asked)
    assert (found.contract.symbol, found.contract.secType, found.contract.exchange) == ("US-T", "BOND", "SMART")
    assert (found.cusip, found.coupon, found.maturity) == (LONG_BOND, 4, "20421115")
    assert (found.bondType, found.couponType, found.ratings) == ("US GOVT", "FIXED", "AA1")
    assert found.descAppend == "T 4 11/15/42"
    assert (found.callable, found.putable, found.convertible) == (False, False, False)
    assert (found.minSize, found.sizeIncrement, found.minTick) == (1000.0, 1000.0, 0.001)
    assert ("CUSIP", LONG_BOND) in [(pair.tag, pair.value) for pair in found.secIdList]
    [same] = await ib.reqContractDetailsAsync(library.Contract(conId=found.contract.conId))
    assert same.cusip == LONG_BOND


async def bonds_of(client: Raw, **ask: Any) -> list[list[str]]:
    """The fields of every bond that fits; none if the answer is error 200."""
    before, number = len(client.of(18)), len(client.messages)
    asked = {"reqId": number, "secType": "BOND", "exchange": "SMART", "currency": "USD"} | ask
    client.send(*REQUEST_NAMES["reqContractDetails"].encode(asked, client.version))
    await until(lambda: [str(number)] in [m[2:3] for m in client.of(52)] or (number, 200) in client.errors())
    return client.of(18)[before:]


@pytest.fixture
async def client(open_gateway: Opener, raw: RawOpener) -> Raw:
    return await raw(await open_gateway(start="20260608 12:00:00 US/Eastern"), 1)


async def test_every_field_of_message_18(client: Raw) -> None:
    [message] = await bonds_of(client, symbol=cusip("345370E9"))
    assert [message[0], *message[2:5]] == ["18", "F", "BOND", cusip("345370E9")]
    assert message[5].startswith("5.291")
    assert message[6].startswith("20461208")
    assert message[7:11] == ["20161208", "BA1", "CORP", "FIXED"]
    assert message[11:15] == ["0", "1", "1", "F 5.291 12/08/46"]
    assert message[15:19] == ["SMART", "USD", "F", "F"]
    assert message[22] == "SMART,BONDDESK,TRADEWEB"
    assert message[23:26] == ["20451208", "CALL", "0"]
    assert message[26:28] == ["MAKE WHOLE", "FORD MOTOR CO"]
    assert message[30:35] == ["2", "CUSIP", cusip("345370E9"), "ISIN", with_check_digit(f"US{cusip('345370E9')}")]
    assert message[-4:] == ["635,635,635", "1000", "1000", "1000"]


async def test_an_issuer_leads_to_its_bonds(client: Raw) -> None:
    for issuer in ISSUERS:
        lines = [line for line in issuer.lines.splitlines() if line.split()[2] > "20260608"]
        found = await bonds_of(client, issuerId=issuer.issuerId)
        assert len(found) == len(lines)
        assert {message[2] for message in found} == {issuer.symbol}
        assert len(await bonds_of(client, symbol=issuer.symbol)) == len(found)


async def test_unknown_and_matured_bonds_are_error_200(client: Raw) -> None:
    assert await bonds_of(client, symbol="000000000") == []
    assert await bonds_of(client, symbol=cusip("345370C9")) == []  # ended in March 2026


def test_check_digits() -> None:
    assert cusip("03783310") == "037833100"
    assert cusip("45920010") == "459200101"
    assert with_check_digit("US037833100") == "US0378331005"
    assert with_check_digit("DE000716460") == "DE0007164600"
    assert cusip_of("US0378331005") == "037833100"
    assert len(figi(265598)) == 12
