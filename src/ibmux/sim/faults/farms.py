"""The data farms behind the gateway: which there are, what is said of them, what they carry, which are not well.

Names and texts are those that gateways have been seen to send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.calendar.agenda import Appointment
from ibmux.sim.faults.outage import NO_UPDATES
from ibmux.sim.feeds.permissions import concerns

if TYPE_CHECKING:
    from ibmux.sim.feeds.feed import Line
    from ibmux.sim.server import SimulatedGateway

OK, BROKEN, INACTIVE, CONNECTING = "ok", "broken", "inactive", "connecting"
MARKET, HISTORY, DEFINITIONS = "market", "history", "definitions"
MESSAGES: dict[tuple[str, str], tuple[int, str]] = {
    (MARKET, OK): (2104, "Market data farm connection is OK:{}"),
    (MARKET, BROKEN): (2103, "Market data farm connection is broken:{}"),
    (MARKET, INACTIVE): (2108, "Market data farm connection is inactive but should be available upon demand.{}"),
    (MARKET, CONNECTING): (2119, "Market data farm is connecting:{}"),
    (HISTORY, OK): (2106, "HMDS data farm connection is OK:{}"),
    (HISTORY, BROKEN): (2105, "HMDS data farm connection is broken:{}"),
    (HISTORY, INACTIVE): (2107, "HMDS data farm connection is inactive but should be available upon demand.{}"),
    (DEFINITIONS, OK): (2158, "Sec-def data farm connection is OK:{}"),
    (DEFINITIONS, BROKEN): (2157, "Sec-def data farm connection is broken:{}"),
}
AT_START = ("usfarm.nj", "usfarm", "ushmds", "secdefil")
"""The farms that a new client hears of, if all is well."""
VENUES = {
    "usfarm.nj": ("US", "US.IND", "US.RTH"),
    "usfarm": ("US", "US.IND", "US.RTH"),
    "usopt": ("US.OPT", "US.OPT.ETF", "US.OPT.IND", "US.OPT.GTH"),
    "usfuture": ("CME", "NYMEX"),
    "usbond": ("BONDS",),
    "cashfarm": ("FX", "METALS"),
    "cafarm": ("CA",),
    "eufarm": ("EU", "EURONEXT", "SWISS", "UK", "EUREX", "EUREX.OPT"),
    "hfarm": ("SEHK", "AU"),
    "jfarm": ("TSEJ",),
}
"""What each farm of market data carries, by venue; one that is not named carries nothing."""
CHECK = 1.0
"""Seconds after which lines to a broken farm die that were opened meanwhile."""


def kind_of(name: str) -> str:
    """What a farm of that name serves."""
    if "hmds" in name:
        return HISTORY
    return DEFINITIONS if name.startswith("secdef") else MARKET


class Farms:
    """The farms of one gateway, and the streams that died with them."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._dying: dict[str, tuple[Appointment | None, list[Line]]] = {}

    def connected(self) -> list[str]:
        """The farms that are well."""
        return [name for name in AT_START if self._state(name) == OK]

    def _state(self, name: str) -> str:
        return self._gateway.conduct.farms.get(name, OK)

    def notices(self) -> list[tuple[int, str]]:
        """What a new client is told of farms: code and text of each."""
        troubled = [name for name in self._gateway.conduct.farms if name not in AT_START]
        return [_message(name, self._state(name)) for name in (*AT_START, *troubled)]

    def turn(self, name: str, state: str) -> int:
        """Let a farm be `ok`, `broken`, `inactive` or `connecting`, and tell every client. Return the message's code.

        Raises:
            ValueError: farms of that kind have no such state.
        """
        code, text = _message(name, state)
        self._gateway.conduct.farms.pop(name, None)
        if state != OK:
            self._gateway.conduct.farms[name] = state
        self._gateway.outage.broken = {
            kind_of(each) for each, how in self._gateway.conduct.farms.items() if how == BROKEN
        } - {MARKET}
        self._gateway.announce(code, text)
        if state == BROKEN:
            self._break(name)
        return code

    def _break(self, name: str) -> None:
        if kind_of(name) == HISTORY:
            for client in list(self._gateway.clients.values()):
                client.end_bars(10182, NO_UPDATES)
        elif name in VENUES and name not in self._dying:
            self._dying[name] = (None, [])
            self._silence(name)

    def _silence(self, name: str) -> None:
        """Let the farm's lines die, now and again until it is well."""
        venues, (_, lines) = VENUES[name], self._dying[name]
        known = {id(line) for line in lines}
        for client in self._gateway.clients.values():
            lines += [
                line for line in client.lines.values() if concerns(venues, line.details) and id(line) not in known
            ]
        self._gateway.feed.silence(venues)
        self._dying[name] = (self._gateway.after(CHECK, lambda: self._silence(name)), lines)

    def mend(self, name: str, dead: bool) -> int:
        """Let a farm be well again; its lines go on, or stay `dead` without a word. Return the message's code."""
        timer, lines = self._dying.pop(name, (None, []))
        if timer is not None:
            timer.cancel()
        code = self.turn(name, OK)
        if not dead:
            self._revive(lines, VENUES.get(name, ()))
        return code

    def _revive(self, lines: list[Line], venues: tuple[str, ...]) -> None:
        for line in lines:
            if line.client.lines.get(line.req_id) is line:
                self._gateway.feed.add(line)
        now = self._gateway.clock.now()
        for client in self._gateway.clients.values():
            for stream in client.streams.values():
                if stream.dead and concerns(venues, stream.details):
                    stream.dead = False
                    stream.skip(now)

    def mend_all(self) -> None:
        """Let every farm be well; lines that died stay dead."""
        for name in list(self._gateway.conduct.farms):
            self.mend(name, dead=True)


def _message(name: str, state: str) -> tuple[int, str]:
    kind = kind_of(name)
    found = MESSAGES.get((kind, state))
    if found is None:
        states = ", ".join(each for of, each in MESSAGES if of == kind)
        raise ValueError(f"{name} cannot be {state!r}: a farm of {kind} data is one of {states}")
    return found[0], found[1].format(name)
