"""What comes of market-data lines: messages into lines, and once per network read what is new to whoever reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ibmux.config import GatewaySettings
from ibmux.session.hooks import Hooks
from ibmux.session.link import Fields
from ibmux.session.pulse import Pulse
from ibmux.session.ticks import Line


class Quotes(Pulse):
    """The part of a session that reads market data."""

    def __init__(
        self, settings: GatewaySettings, hooks: Hooks | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(settings, hooks, clock=clock)
        self._heads: dict[str, Line] = {}

    def _on_price(self, fields: Fields) -> None:
        _, _, request, kind, price, size, _ = fields
        line = self._streams.get(request)
        if line is not None and price:
            line.price(int(kind), float(price), float(size or 0))
            self._dirty[request] = line

    def _on_size(self, fields: Fields) -> None:
        _, _, request, kind, size = fields
        line = self._streams.get(request)
        if line is not None:
            line.size(int(kind), float(size or 0))
            self._dirty[request] = line

    def _on_generic(self, fields: Fields) -> None:
        line = self._streams.get(fields[2])
        if line is not None:
            line.generic(int(fields[3]), float(fields[4] or 0))
            self._dirty[fields[2]] = line

    def _on_text(self, fields: Fields) -> None:
        line = self._streams.get(fields[2])
        if line is not None:
            line.text(int(fields[3]), fields[4])
            self._dirty[fields[2]] = line

    def _on_data_type(self, fields: Fields) -> None:
        line = self._streams.get(fields[2])
        if line is not None:
            line.data_type = int(fields[3])
            line.changed["marketDataType"] = line.data_type
            self._heads[fields[2]] = line

    def _on_request_parameters(self, fields: Fields) -> None:
        _, request, min_tick, exchange, permissions = fields
        line = self._streams.get(request)
        if line is not None:
            line.change("minTick", float(min_tick or 0))
            line.change("bboExchange", exchange)
            line.change("snapshotPermissions", int(permissions or 0))
            self._heads[request] = line

    def on_greeks(self, request: str, kind: int, attribute: int, values: tuple[float, ...]) -> None:
        """Greeks of an option."""
        line = self._streams.get(request)
        if line is not None:
            line.greeks(kind, attribute, values)
            self._dirty[request] = line

    def on_efp(self, request: str, kind: int, values: dict[str, Any]) -> None:
        """An exchange for physicals."""
        line = self._streams.get(request)
        if line is not None:
            line.efp(kind, values)
            self._dirty[request] = line

    def _flush(self) -> None:
        """Once per network read: hand on what is new, one call per contract."""
        if self._dirty:
            now = self._heard_at()
            dirty, self._dirty = self._dirty, {}
            publish = self.hooks.on_ticks
            for line in dirty.values():
                line.failures = 0
                rhythm = line.rhythm
                if not rhythm.calm:
                    self._wake(line, now)
                    continue
                rhythm.beat(now)
                ticks, changed = line.take()
                if ticks or changed:
                    self.ticks_in += len(ticks)
                    publish(line.contract.conId, ticks, changed)
        if self._heads:  # what a line is, not what it says: no sign of life
            heads, self._heads = self._heads, {}
            for line in heads.values():
                self._hand_on(line)
        if self._ended:
            self._tell_gaps()

    def _wake(self, line: Line, now: float) -> None:
        """The first word of a line, or one that was awaited: what was known by the subscription before is void."""
        if line.snapshot:
            return
        was_stale = line.rhythm.stale
        line.before = None
        self._hear_stream(line, now)
        self._hand_on(line, always=was_stale)

    def _hand_on(self, line: Line, *, always: bool = False) -> None:
        if line.snapshot:
            return
        if line.first is not None:
            line.begun()
        ticks, changed = line.take()
        if ticks or changed or always:
            self.ticks_in += len(ticks)
            self.hooks.on_ticks(line.contract.conId, ticks, changed)
