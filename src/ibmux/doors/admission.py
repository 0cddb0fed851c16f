"""Whether the proxy takes a request now, from this script: every refusal that needs no gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ibmux.doors.access import role_of
from ibmux.errors import Busy, Draining, Forbidden, RetainedRequest, TooLarge, UnknownGateway, UnknownMethod
from ibmux.messages import METHODS, Method, Role, may
from ibmux.topics import is_script_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibmux.config import Config
    from ibmux.doors.mqtt import MqttDoor
    from ibmux.mqtt.message import Message
    from ibmux.services.gateway import Gateway
    from ibmux.topics import RequestTopic


class Admitted(NamedTuple):
    """What a script may ask of which gateway, in which role."""

    gateway: Gateway
    method: Method
    role: Role


def admit(door: MqttDoor, message: Message, request: RequestTopic) -> Admitted:
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
    admitted = _recognise(door.config, door.gateways, request)
    waiting = door.waiting[request.script]
    if waiting >= door.config.limits.requests_in_flight:
        raise Busy(
            f"{request.script} has {waiting} requests waiting already.",
            outcome="none" if admitted.method.role == "read" else "not_sent",
        )
    return admitted


def _recognise(config: Config, gateways: Mapping[str, Gateway], request: RequestTopic) -> Admitted:
    """Whether this script may ask for this at all, whenever it does.

    Raises:
        UnknownGateway, UnknownMethod, Forbidden: it may not.
    """
    gateway = gateways.get(request.gateway)
    if gateway is None:
        raise UnknownGateway(
            f"There is no gateway {request.gateway!r}.", hint=f"There is: {', '.join(sorted(gateways))}."
        )
    method = METHODS.get(request.method)
    if method is None:
        raise UnknownMethod(f"There is no method {request.method!r}.")
    if not is_script_name(request.script):
        raise Forbidden(f"{request.script!r} is no name for a script.", hint="Letters, digits, `_`, `.` and `-`.")
    role = role_of(config, request.script)
    if not may(role, method.role):
        table = request.script if "." not in request.script else f'"{request.script}"'
        raise Forbidden(
            f"{request.script} has role `{role}`; {method.name} takes `{method.role}`.",
            hint=f'Give it one in proxy.toml and restart the proxy: role = "{method.role}" in [scripts.{table}].',
        )
    return Admitted(gateway, method, role)
