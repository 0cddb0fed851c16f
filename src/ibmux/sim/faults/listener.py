"""The part of a gateway that takes API connections: since when it serves, whether it is stuck, what it left open.

Programs that greet a gateway too early after its start have left it accepting and mute until the next restart; one that
is stuck does not notice that peers go, and their sockets pile up (CLOSE_WAIT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.faults.conduct import ANSWER

if TYPE_CHECKING:
    from ibmux.sim.clients.connection import Connection
    from ibmux.sim.server import SimulatedGateway

STUCK = "wedged"
"""The name of the fault: `wedged` in the log's faults tells that somebody did that."""


class Listener:
    """The API listener of one gateway.

    Attributes:
        fragile: simulated seconds after the first opening of the port within which a greeting leaves it stuck.
        stuck: it accepts and never answers, until a restart.
        left: sockets whose peers went without its noticing.
    """

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self.fragile = gateway.settings.fragile
        self.stuck = False
        self.left: set[Connection] = set()
        self._opened = 0.0
        self._new = True

    @property
    def deaf(self) -> bool:
        """Whether new connections are not answered."""
        conduct = self._gateway.conduct
        return self.stuck or conduct.frozen or conduct.greeting != ANSWER

    def reads(self, connection: Connection) -> bool:
        """Whether it still reads what a peer sent that went while it stood still."""
        return not connection.dead and connection.client is not None and connection in self.left

    def note(self, kind: str, text: str) -> None:
        """Tell the log what became of the port; with its first opening after a start its youth begins."""
        if kind == "listening" and self._new:
            self._new = False
            self._opened = self._gateway.clock.now()
        self._gateway.log.add(kind, text)

    def bears(self, connection: Connection) -> bool:
        """Whether it bears this greeting now; if not, it is stuck from now on."""
        age = self._gateway.clock.now() - self._opened
        if self.stuck or age >= self.fragile:
            return not self.stuck
        self.stuck = True
        text = f"connection {connection.number} greeted {age:.1f} s after the port opened; mute until a restart"
        self._gateway.faults.begin(STUCK, text, self._recover)
        return False

    def _recover(self) -> None:
        self.stuck = False
        for connection in list(self._gateway.connections):
            if connection.dead and connection.client is None:
                connection.abort("was never answered", reset=True)

    def restart(self, fragile: float = 0.0) -> None:
        """Begin anew, after a restart; `fragile`: for this time only."""
        self._new = True
        self.fragile = fragile or self._gateway.settings.fragile
        self._gateway.faults.end(STUCK)
        self.release()

    def settle(self) -> None:
        """Let go of what was left open, if it notices again who has gone."""
        dead = any(each.dead and not each.closing for each in self._gateway.connections)
        if not self.deaf and not dead:
            self.release()

    def release(self) -> None:
        """Let go of every socket whose peer has gone."""
        for connection in list(self.left):
            connection.abort("", reset=True)
