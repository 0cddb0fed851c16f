"""Questions about the gateway and the proxy themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ibmux.messages.session import ProxyReport, ReqCurrentTime, StatusRequest
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights

if TYPE_CHECKING:
    from ibmux.session import Session


class Admin:
    """Time and status."""

    def __init__(self, session: Session, flights: Flights, report: Callable[[], ProxyReport]) -> None:
        self.session = session
        self.flights = flights
        self.report = report

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {"reqCurrentTime": self.time, "status": self.status}

    async def time(self, caller: Caller, _request: ReqCurrentTime) -> float:
        """The gateway's clock, in seconds UTC."""
        return await self.flights.join(
            caller, ("time",), lambda deadline: self.session.current_time(deadline=deadline, script=caller.script)
        )

    def status(self, _caller: Caller, _request: StatusRequest) -> ProxyReport:
        """Everything that `ibmux status` shows."""
        return self.report()
