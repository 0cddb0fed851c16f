"""Contracts: details, qualification, search, option parameters. What was qualified once stays known for the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ibmux.core.hours import hours
from ibmux.errors import AmbiguousContract, RequestError, UnknownContract
from ibmux.messages import combos, encode
from ibmux.messages.contracts import (
    Contract,
    ContractDescription,
    ContractDetails,
    OptionChain,
    QualifyContracts,
    ReqContractDetails,
    ReqMatchingSymbols,
    ReqSecDefOptParams,
)
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights, Memory
from ibmux.services.together import together

if TYPE_CHECKING:
    from ibmux.session import Session

KNOWN_LIMIT = 20_000
"""How many qualified contracts are remembered; beyond it the oldest is forgotten."""
DETAILS_LIMIT = 2_000
DETAILS_AGE = 600.0
"""How many answers about contracts are kept, and for how long (seconds); they change once a day."""
AT_ONCE = 10
"""Contracts of one request that are looked up at a time."""


class Contracts:
    """Answers about contracts, and the memory of qualified ones."""

    def __init__(self, session: Session, flights: Flights) -> None:
        self.session = session
        self.flights = flights
        self._known: dict[bytes, Contract] = {}
        self._combos: dict[int, Contract] = {}
        self._details = Memory(flights, DETAILS_AGE, DETAILS_LIMIT)
        self._hours: dict[int, tuple[str, str, str]] = {}

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {
            "reqContractDetails": self.details,
            "qualifyContracts": self.qualify,
            "reqMatchingSymbols": self.search,
            "reqSecDefOptParams": self.option_parameters,
        }

    async def details(self, caller: Caller, request: ReqContractDetails) -> list[ContractDetails]:
        """Every contract that matches; many scripts ask for the same few."""
        return await self._details.ask(
            caller, ("details", encode(request.contract)), lambda deadline: self._ask(caller, request, deadline)
        )

    async def _ask(self, caller: Caller, request: ReqContractDetails, deadline: float) -> list[ContractDetails]:
        found = await self.session.contract_details(request.contract, deadline=deadline, script=caller.script)
        for each in found:
            if each.contract is not None:
                self._hours.pop(each.contract.conId, None)
                if len(self._hours) >= KNOWN_LIMIT:
                    del self._hours[next(iter(self._hours))]
                self._hours[each.contract.conId] = (each.tradingHours, each.liquidHours, each.timeZoneId)
        return found

    def is_open(self, contract: Contract, now: float, regular: bool = False) -> bool | None:
        """Whether a contract trades at `now` (seconds UTC), in `regular` hours or at all; None where its details are
        not known, or are too old to tell.
        """
        known = self._hours.get(contract.conId)
        if known is None:
            return None
        trading, liquid, zone = known
        return hours(liquid if regular else trading, zone).is_open(now)

    async def qualify(self, caller: Caller, request: QualifyContracts) -> list[Contract | None]:
        """Unknown and ambiguous contracts leave a hole, and combinations, of which the gateway says nothing; other
        errors are errors.
        """

        async def find(contract: Contract) -> Contract | None:
            try:
                return None if contract.secType == combos.COMBO else await self.resolve(caller, contract)
            except (UnknownContract, AmbiguousContract):
                return None

        return await together(find, request.contracts, AT_ONCE)

    async def resolve(self, caller: Caller, contract: Contract) -> Contract:
        """The one contract that is meant, in full; a combination under the number that ibmux gives it.

        Raises:
            RequestError: a combination without legs.
            UnknownContract: nothing matches.
            AmbiguousContract: several match; the message lists some.
        """
        if contract.secType == combos.COMBO or contract.conId < 0:
            return self._combination(contract)
        question = encode(contract)
        known = self._known.get(question)
        if known is not None:
            return known
        matches = await self.details(caller, ReqContractDetails(contract))
        if not matches:
            raise UnknownContract(f"No contract matches {contract.symbol or contract.conId!r}.")
        if len(matches) > 1:
            raise AmbiguousContract(f"{len(matches)} contracts match {contract.symbol!r}: {_list(matches)}.")
        resolved = matches[0].contract
        if resolved is None:
            raise UnknownContract("The gateway described a contract without naming it.")
        if len(self._known) >= KNOWN_LIMIT:
            del self._known[next(iter(self._known))]
        self._known[question] = resolved
        return resolved

    async def resolve_single(self, caller: Caller, contract: Contract, what: str) -> Contract:
        """As `resolve`, for streams (`what`, in words) whose messages to the gateway have no place for legs.

        Raises:
            RequestError: it is a combination.
        """
        found = await self.resolve(caller, contract)
        if found.secType == combos.COMBO:
            raise RequestError(
                f"There are no {what} of combinations.", hint="Stream their quotes with reqMktData, or their legs."
            )
        return found

    def _combination(self, contract: Contract) -> Contract:
        """A combination by its legs, or by the number that it got here before."""
        if contract.secType != combos.COMBO or (contract.conId < 0 and not contract.comboLegs):
            known = self._combos.get(contract.conId)
            if known is None:
                raise UnknownContract(f"No combination is known as {contract.conId}.", hint="Name it by its legs.")
            return known
        found = msgspec.structs.replace(contract, conId=combos.number_of(contract))
        if found.conId not in self._combos and len(self._combos) >= KNOWN_LIMIT:
            del self._combos[next(iter(self._combos))]
        return self._combos.setdefault(found.conId, found)

    async def search(self, caller: Caller, request: ReqMatchingSymbols) -> list[ContractDescription]:
        """Search by symbol or name."""
        return await self.flights.join(
            caller,
            ("search", request.pattern),
            lambda deadline: self.session.matching_symbols(request.pattern, deadline=deadline, script=caller.script),
        )

    async def option_parameters(self, caller: Caller, request: ReqSecDefOptParams) -> list[OptionChain]:
        """Expirations and strikes by exchange and trading class."""
        question = (
            request.underlyingSymbol,
            request.futFopExchange,
            request.underlyingSecType,
            request.underlyingConId,
        )
        return await self.flights.join(
            caller,
            ("chain", *question),
            lambda deadline: self.session.option_parameters(*question, deadline=deadline, script=caller.script),
        )


def _list(matches: list[ContractDetails]) -> str:
    named = [match.contract for match in matches if match.contract]
    some = [f"{each.localSymbol or each.symbol} {each.secType} {each.exchange} {each.currency}" for each in named[:4]]
    return ", ".join(some) + (", ..." if len(named) > 4 else "")
