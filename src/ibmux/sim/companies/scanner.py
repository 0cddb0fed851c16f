"""Market scans: which contracts a subscription's instrument, location and filters leave, and their order by its code.

A pure look at universe and market at one instant; who is told, and when again, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite

from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.catalogue.universe import Universe
from ibmux.sim.companies.scanner_codes import (
    ALIASES,
    BOUNDS,
    INSTRUMENTS_BY_CODE,
    LOCATIONS_BY_CODE,
    SCANS_BY_CODE,
    Scan,
)
from ibmux.sim.companies.sight import FUNDS, METRICS, Figure, Sight
from ibmux.sim.prices.market import Market
from ibmux.tws.values import UNSET_DOUBLE

MAX_ROWS = 50
"""Rows of one scan (IBKR)."""
FIXED_INCOME = frozenset({"TLT", "IEF", "HYG", "LQD"})
SLICE = 16
"""Contracts looked at in one go."""
SERVICE = "Historical Market Data Service error message:"
UNSET = {"", "2147483647"}
PLAIN = {
    "abovePrice": ("price", True), "belowPrice": ("price", False), "aboveVolume": ("volume", True),
    "marketCapAbove": ("marketCap", True), "marketCapBelow": ("marketCap", False),
    "averageOptionVolumeAbove": ("averageOptionVolume", True),
}  # fmt: skip
"""The filters that have a field of their own in the request: the figure, and whether it is bounded from below."""
TYPES = {"ALL": "", "STOCK": "inc:STOCK", "CORP": "inc:CORP", "ADR": "inc:ADR", "ETF": "inc:ETF", "REIT": "inc:REIT",
         "CEF": "inc:CEF", "ETMF": "inc:ETMF", "EFN": "inc:EFN", "EFT": "inc:ETF"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """A scan that can be run: its code, where, the bounds of figures, and the types of stocks let in or kept out."""

    scan: Scan
    instrument: str
    exchanges: tuple[str, ...]
    rows: int
    bounds: tuple[tuple[str, bool, float], ...] = ()
    stockTypes: tuple[str, ...] = field(default=())


def _number(text: str) -> float | None:
    """A filter's value; None if it is unset.

    Raises:
        ValueError: it is no number.
    """
    value = None if text in UNSET else float(text)
    if value is not None and not isfinite(value):
        raise ValueError(f"no number: {text[:40]!r}")
    return None if value == UNSET_DOUBLE else value


def _tags(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(";") if pair)
    return {tag.strip(): value.strip() for tag, _, value in pairs}


def parse(ask: Mapping[str, str]) -> ScanRequest | Refusal:
    """The scan that a request's fields describe, or why it cannot be run (162 and 321)."""
    scan = SCANS_BY_CODE.get(ask["scanCode"])
    instrument = ALIASES.get(ask["instrument"], ask["instrument"])
    location = LOCATIONS_BY_CODE.get(ask["locationCode"])
    if scan is None or instrument not in INSTRUMENTS_BY_CODE or instrument not in scan.instruments:
        return Refusal(162, f"{SERVICE}Scanner type with code {ask['scanCode']} is disabled.")
    if location is None or location.instrument != instrument:
        return Refusal(162, f"{SERVICE}Scanner location with code {ask['locationCode']} is disabled.")
    try:
        return _filtered(ask, ScanRequest(scan, instrument, location.exchanges, _rows(ask["numberOfRows"])))
    except ValueError as error:
        return Refusal(321, f"Error validating request.-'co' : cause - {error}")


def _rows(text: str) -> int:
    wanted = _number(text)
    return MAX_ROWS if wanted is None or wanted <= 0 else min(MAX_ROWS, int(wanted))


def _filtered(ask: Mapping[str, str], bare: ScanRequest) -> ScanRequest | Refusal:
    bounds = [(figure, low, _number(ask[name])) for name, (figure, low) in PLAIN.items()]
    types = [TYPES.get(ask["stockTypeFilter"].upper(), ask["stockTypeFilter"])]
    for tag, value in _tags(ask["filterOptions"]).items():
        if tag in {"stkTypes", "stockTypes"}:
            types.append(value)
        elif tag in BOUNDS:
            bounds.append((*BOUNDS[tag], _number(value)))
        else:
            return Refusal(162, f"{SERVICE}Scanner filter {tag} is disabled.")
    used = tuple((figure, low, value) for figure, low, value in bounds if value is not None)
    chosen = tuple(part for text in types for part in text.split(",") if part)
    return ScanRequest(bare.scan, bare.instrument, bare.exchanges, bare.rows, used, chosen)


class Scanner:
    """Runs scans.

    Args:
        universe: the contracts.
        market: their prices.
    """

    def __init__(self, universe: Universe, market: Market) -> None:
        self._universe, self._market = universe, market

    def run(self, request: ScanRequest, now: float) -> list[ContractDetails]:
        """The contracts that a scan finds at `now`, the first first."""
        return next(found for found in self.steps(request, now) if found is not None)

    def steps(self, request: ScanRequest, now: float) -> Iterator[list[ContractDetails] | None]:
        """Scan a few contracts at a time, so that nobody waits for long: None while there are more, then the result."""
        figure = METRICS[request.scan.metric]
        found: list[tuple[Figure, str, ContractDetails]] = []
        for number, details in enumerate(self._candidates(request), start=1):
            sight = Sight(self._market, self._universe, details, now)
            value = figure(sight)
            if value is not None and _passes(sight, request):
                found.append((value, details.contract.symbol, details))
            if number % SLICE == 0:
                yield None
        found.sort(key=lambda row: row[1])
        found.sort(key=lambda row: row[0], reverse=request.scan.falling)  # type: ignore[arg-type,return-value]
        yield [details for _, _, details in found[: request.rows]]

    def _candidates(self, request: ScanRequest) -> list[ContractDetails]:
        kind = INSTRUMENTS_BY_CODE[request.instrument].secType
        listed = [each for each in self._universe.listed() if each.contract.secType == kind]
        here = [each for each in listed if (each.contract.primaryExchange or each.contract.exchange)
                in request.exchanges]  # fmt: skip
        if not request.instrument.startswith("ETF"):
            return here
        fixed = request.instrument == "ETF.FI.US"
        return [each for each in here if each.stockType in FUNDS and (each.contract.symbol in FIXED_INCOME) == fixed]


def _passes(sight: Sight, request: ScanRequest) -> bool:
    for metric, from_below, bound in request.bounds:
        value = METRICS[metric](sight)
        if not isinstance(value, float | int) or (value < bound if from_below else value > bound):
            return False
    kinds = set(sight.stock_types())
    wanted = {part.removeprefix("inc:") for part in request.stockTypes if not part.startswith("exc:")}
    barred = {part.removeprefix("exc:") for part in request.stockTypes if part.startswith("exc:")}
    return (not wanted or not wanted.isdisjoint(kinds)) and barred.isdisjoint(kinds)
