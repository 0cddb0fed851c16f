"""Whether the proxy takes a request now, from this script: every refusal that needs no gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.doors.access import role_of
from ibmux.errors import Busy, Draining, Forbidden, RetainedRequest, TooLarge, UnknownGateway, UnknownMethod
from ibmux.messages import METHODS, Method, may
from ibmux.topics import is_script_name

if TYPE_CHECKING:
    from ibmux.doors.mqtt import MqttDoor
    from ibmux.mqtt.message import Message
    from ibmux.services.gateway import Gateway
    from ibmux.topics import RequestTopic


def admit(door: MqttDoor, message: Message, request: RequestTopic) -> tuple[Gateway, Method]:
    """Whether the proxy takes this request now, from this script.

    Raises:
        IbmuxError: one of the refusals of the API, each with its own code.
    """
    if message.retain:
        raise RetainedRequest("The request was retained; it would be repeated at each reconnect.")
    if door.draining:
        raise Draining("The proxy is shutting down.")
    if len(message.payload) > door.config.limits.request_size:
        raise TooLarge(f"{len(message.payload)} bytes; at most {door.config.limits.request_size} are accepted.")
    gateway = door.gateways.get(request.gateway)
    if gateway is None:
        raise UnknownGateway(
            f"There is no gateway {request.gateway!r}.", hint=f"There is: {', '.join(sorted(door.gateways))}."
        )
    method = METHODS.get(request.method)
    if method is None:
        raise UnknownMethod(f"There is no method {request.method!r}.")
    if not is_script_name(request.script):
        raise Forbidden(f"{request.script!r} is no name for a script.", hint="Letters, digits, `_`, `.` and `-`.")
    role = role_of(door.config, request.script)
    if not may(role, method.role):
        table = request.script if "." not in request.script else f'"{request.script}"'
        raise Forbidden(
            f"{request.script} has role `{role}`; {method.name} takes `{method.role}`.",
            hint=f'Give it one in proxy.toml and restart the proxy: role = "{method.role}" in [scripts.{table}].',
        )
    if door.waiting[request.script] >= door.config.limits.requests_in_flight:
        raise Busy(
            f"{request.script} has {door.waiting[request.script]} requests waiting already.",
            outcome="none" if method.role == "read" else "not_sent",
        )
    return gateway, method
