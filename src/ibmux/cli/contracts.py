"""The contracts of the journal's records: most name theirs, a cancel or a refusal names only its order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ibmux.cli.journalled import contract_in
from ibmux.journal import Library, Record

KEPT = 10_000
"""Orders whose contracts are remembered."""


class Contracts:
    """Finds them, in the record or with its order."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._known: dict[tuple[str, str, str], dict[str, Any]] = {}

    def of(self, record: Record) -> dict[str, Any]:
        """The contract that a record is about; empty if it is about none."""
        name = record.gateway, record.script, record.key
        if found := contract_in(record):
            return found
        if not record.key:
            return {}
        if name not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[name] = self._look_up(*name)
        return self._known[name]

    def of_symbol(self, symbol: str, records: Iterable[Record]) -> Iterator[Record]:
        """Those of one symbol, whatever its case; all where none is named."""
        wanted = symbol.upper()
        return (each for each in records if not wanted or str(self.of(each).get("symbol", "")).upper() == wanted)

    def _look_up(self, gateway: str, script: str, key: str) -> dict[str, Any]:
        order = self._library.find(gateway, script, key)
        bodies = (order.body, order.intent) if order is not None else ()
        told = (contract_in(Record(gateway=gateway, kind="order", body=body)) for body in bodies)
        return next((each for each in told if each), {})
