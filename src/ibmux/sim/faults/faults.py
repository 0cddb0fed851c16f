"""Which faults are in force, when they end, and the one way to cause them: from Python, from text, from a scenario.

What each fault does is in `verbs`; this keeps their register.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ibmux.sim.calendar.agenda import Appointment
from ibmux.sim.faults.verbs import VERBS
from ibmux.sim.faults.verbs.kind import FaultError, Verb, split_line

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway

__all__ = ["FaultError", "Faults"]


@dataclass(slots=True)
class InForce:
    """A fault that lasts: what it is, how it ends, and when it does by itself."""

    text: str
    lift: Callable[[], object]
    ends: Appointment | None = None


class Faults:
    """The faults of one gateway. Every verb is a method: `await gateway.faults.cut(30)`; each returns what was done.

    `apply("cut 30")` does the same from text.
    """

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._in_force: dict[str, InForce] = {}

    def __repr__(self) -> str:
        return f"Faults({', '.join(self._in_force) or 'none'})"

    def __getattr__(self, name: str) -> Callable[..., Awaitable[str]]:
        verb = VERBS.get(name)
        if verb is None:
            raise AttributeError(f"there is no fault {name!r}")

        async def act(*places: Any, **named: Any) -> str:
            answer = self._act(verb, places, named)
            await self.settle()
            return answer

        return act

    @property
    def in_force(self) -> dict[str, str]:
        """The faults that last, by name, each with a sentence."""
        return {name: fault.text for name, fault in self._in_force.items()}

    async def apply(self, line: str) -> str:
        """Do what a line of text says, as `cut 30`; return the answer, empty for an empty line.

        Raises:
            FaultError: the line is no fault; the text says what would be.
        """
        answer = self.do(line)
        await self.settle()
        return answer

    def do(self, line: str) -> str:
        """As `apply`, without waiting for the port to open again where that is part of it.

        Raises:
            FaultError: the line is no fault.
        """
        words = split_line(line)
        if not words:
            return ""
        verb = find_verb(words[0])
        return self._act(verb, *verb.read(words[1:]))

    def _act(self, verb: Verb, places: Any, named: Any) -> str:
        try:
            return verb.act(self._gateway, *places, **named)
        except FaultError:
            raise
        except ValueError as error:
            raise FaultError(f"{verb.name}: {error}") from error

    async def settle(self) -> None:
        """Wait until the port is open again, if that was begun."""
        await self._gateway.door.settle()

    def begin(self, name: str, text: str, lift: Callable[[], object], seconds: float = 0.0) -> str:
        """Note that a fault is in force now, for so many simulated seconds (0: until it is lifted). Return `text`."""
        before = self._in_force.pop(name, None)
        if before is not None and before.ends is not None:
            before.ends.cancel()
        ends = self._gateway.after(seconds, lambda: self.end(name)) if seconds else None
        self._in_force[name] = InForce(text, lift, ends)
        until = f", for {seconds:g} s" if seconds else ""
        self._gateway.log.add("fault", f"{name}: {text}{until}")
        return f"{text}{until}"

    def end(self, name: str) -> str:
        """Lift a fault. Return what was lifted; empty if it was not in force."""
        fault = self.forget(name)
        if fault is None:
            return ""
        fault.lift()
        self._gateway.listener.settle()
        return fault.text

    def forget(self, name: str) -> InForce | None:
        """Strike a fault off the register without undoing it. Return what it was."""
        fault = self._in_force.pop(name, None)
        if fault is not None:
            if fault.ends is not None:
                fault.ends.cancel()
            self._gateway.log.add("lifted", name)
        return fault

    def note(self, name: str, text: str) -> str:
        """Note something that happened at once and does not last. Return `text`."""
        self._gateway.log.add("act", f"{name}: {text}")
        return text


def find_verb(word: str) -> Verb:
    """The verb of that name; dashes count as underscores.

    Raises:
        FaultError: there is none; the text names similar ones.
    """
    name = word.replace("-", "_").lower()
    if name in VERBS:
        return VERBS[name]
    near = get_close_matches(name, VERBS, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`help` lists them."
    raise FaultError(f"there is no fault {word!r}: {hint}")
