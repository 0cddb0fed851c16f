"""The steps of one attempt to hold a session, timed as they pass: what `ibmux check` shows and `status` keeps."""

from __future__ import annotations

import time
from collections.abc import Callable

from ibmux.core.verdicts import Verdict
from ibmux.messages.session import CheckReport, CheckStep

CONNECT, ANSWER, START, NEXT_ID, ACCOUNTS, DOWNLOAD = range(6)
"""The steps, in the order in which they are shown; gateways mostly say their accounts before the next order id."""


class Attempt:
    """One attempt, from the first packet to its verdict.

    Args:
        place: the endpoint, as people write it.
        client: our clientId.
        clock: seconds UTC.
        show: called with the number of a step (from 0) whenever one begins or ends.
    """

    def __init__(
        self,
        place: str,
        client: int,
        clock: Callable[[], float],
        show: Callable[[int, CheckStep], None] = lambda number, step: None,
    ) -> None:
        self.place = place
        self.complaint = ""
        self.began = self._mark = time.perf_counter()
        titles = (
            f"TCP connect {place}",
            "API answer",
            f"startApi as clientId {client}",
            "nextValidId",
            "accounts",
            "positions, values and orders",
        )
        self._all = [CheckStep(title) for title in titles]
        self._passed: dict[int, str] = {}
        self._show = show
        self.report = CheckReport(-1, "Connecting.", time=clock(), steps=[self._all[CONNECT]])
        show(CONNECT, self._all[CONNECT])

    def __repr__(self) -> str:
        return f"<Attempt at {self.place}: {self.report.message}>"

    @property
    def reached(self) -> int:
        """The step that is under way: the first one that has not ended."""
        return next((number for number, step in enumerate(self._all) if step.ok is None), DOWNLOAD)

    def settle(self) -> None:
        """A pause before the gateway is spoken to: it belongs to no step."""
        self._mark = time.perf_counter()

    def passed(self, number: int, text: str = "") -> None:
        """A step ended well; the next one begins. One that passed early is shown in its turn; a second word of the same
        step changes nothing.
        """
        self._passed.setdefault(number, text)
        while self._all[self.reached].ok is None and self.reached in self._passed:
            self._end(self.reached, True, self._passed[self.reached])
            if self._all[self.reached].ok is None:
                self._begin(self.reached)

    def conclude(self, verdict: Verdict, *, failed: bool) -> None:
        """The attempt is over; with `failed`, at the step that is under way. Of failures only the first counts; a
        session that is ready after all, or misses something less, replaces it.
        """
        if self.over and failed:
            return
        if failed and self._all[self.reached].ok is None:
            self._end(self.reached, False, verdict.reason)
        last = self._all[DOWNLOAD]
        if not failed and not last.ok:
            last.ok, last.text = True, self._passed.get(DOWNLOAD, "")
        report = self.report
        if not self.over:
            report.seconds = time.perf_counter() - self.began
        report.exit, report.message, report.hint = int(verdict.exit), verdict.reason, verdict.advice

    @property
    def over(self) -> bool:
        """Whether there is a verdict."""
        return self.report.exit >= 0

    def _begin(self, number: int) -> None:
        step = self._all[number]
        self.report.steps.append(step)
        self._show(number, step)

    def _end(self, number: int, ok: bool, text: str) -> None:
        step = self._all[number]
        now = time.perf_counter()
        step.ok, step.text, step.seconds, self._mark = ok, text, now - self._mark, now
        self._show(number, step)
