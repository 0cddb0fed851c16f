"""What concerns the session and the proxy themselves: their state, the clock, staying away and coming back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ibmux.errors import RequestError
from ibmux.messages.session import GatewayStatus, Park, ProxyReport, ReqCurrentTime, StatusRequest, Unpark
from ibmux.services.caller import Caller, Handler
from ibmux.services.flights import Flights

if TYPE_CHECKING:
    from ibmux.session import Session


class Admin:
    """Time, status, parking."""

    def __init__(self, session: Session, flights: Flights, report: Callable[[], ProxyReport]) -> None:
        self.session = session
        self.flights = flights
        self.report = report

    def handlers(self) -> dict[str, Handler]:
        """Which function answers which method."""
        return {"reqCurrentTime": self.time, "status": self.status, "park": self.park, "unpark": self.unpark}

    async def time(self, caller: Caller, _request: ReqCurrentTime) -> float:
        """The gateway's clock, in seconds UTC."""
        return await self.flights.join(
            caller, ("time",), lambda deadline: self.session.current_time(deadline=deadline, script=caller.script)
        )

    def status(self, _caller: Caller, _request: StatusRequest) -> ProxyReport:
        """Everything that `ibmux status` shows."""
        return self.report()

    def park(self, caller: Caller, request: Park) -> GatewayStatus:
        """Stay away from the gateway."""
        self.session.park(request.reason or f"Parked by {caller.script}.")
        return self.session.status()

    def unpark(self, _caller: Caller, _request: Unpark) -> GatewayStatus:
        """Connect now.

        Raises:
            RequestError: there is nothing to end: the session has a connection.
        """
        if self.session.state not in ("parked", "waiting", "standby"):
            raise RequestError(f"{self.session.name} is {self.session.state}: it is neither parked nor waiting.")
        self.session.resume()
        return self.session.status()
