"""`ibmux check`: shows the steps of an examination as they happen, or asks the proxy that holds the session already."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators
from rich.text import Text

from ibmux.cli import screen
from ibmux.cli.asking import ask_status
from ibmux.cli.examination import STEPS, Examination, Result, Step
from ibmux.cli.exits import CheckExit
from ibmux.cli.options import Proxy
from ibmux.cli.verdicts import Target
from ibmux.config import Config, GatewaySettings, load
from ibmux.errors import ConfigError, IbmuxError
from ibmux.messages.session import GatewayStatus

HELD = {
    "ready": CheckExit.READY,
    "cut": CheckExit.SLOW,
    "syncing": CheckExit.SLOW,
    "standby": CheckExit.CLIENT_ID_IN_USE,
    "parked": CheckExit.WRONG_ACCOUNT,
    "connecting": CheckExit.NO_ANSWER,
    "waiting": CheckExit.NO_ANSWER,
}
"""What the state of a session that the proxy holds means here."""
PORTS = validators.Number(gte=1, lte=65535)
CLIENT_IDS = validators.Number(gte=0, lt=2**31)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which gateway to ask, and what is promised of it; what is not given comes from the settings.

    Attributes:
        host: the gateway's host.
        port: the gateway's port.
        client_id: the clientId to use.
        account: an account that the login must have; may be given several times.
        kind: what the login must be.
        timeout: seconds for each step.
    """

    host: str | None = None
    port: Annotated[int | None, Parameter(validator=PORTS)] = None
    client_id: Annotated[int | None, Parameter(validator=CLIENT_IDS)] = None
    account: tuple[str, ...] = ()
    kind: Literal["paper", "live"] | None = None
    timeout: float = 10.0

    def over(self, settings: GatewaySettings) -> Target:
        """The target that the settings describe, with what was given laid over it."""
        return Target(
            host=self.host or settings.host,
            port=self.port or settings.port,
            client_id=settings.client_id if self.client_id is None else self.client_id,
            accounts=self.account or settings.accounts,
            kind=self.kind or settings.kind,
            timeout=self.timeout,
        )


WANTED = Wanted()


async def check(
    *,
    wanted: Wanted = WANTED,
    config: Annotated[Path | None, Parameter(env_var="IBMUX_CONFIG")] = None,
    gateway: Annotated[str, Parameter(env_var="IBMUX_GATEWAY")] = "",
    url: Annotated[str | None, Parameter(env_var="IBMUX_URL")] = None,
    token: Annotated[str, Parameter(env_var="IBMUX_TOKEN")] = "",
    json: bool = False,
) -> int:
    """Can a session be held with this gateway? Six timed steps over one connection, one attempt.

    With --host or --port the gateway is asked directly. Otherwise the settings say where it is, and if a proxy holds
    its session already, the proxy is asked instead.

    Exit codes: 0 ready, 1 nothing listens, 2 connected but no answer of the API, 3 the clientId is in use, 4 wrong
    account or kind, 5 the API is not enabled or read-only, 6 slow or partial download, 64 wrong arguments.

    Args:
        wanted: which gateway, and what is promised of it.
        config: the proxy's settings.
        gateway: the gateway's name in the settings.
        url: where the proxy would listen.
        token: the proxy's token for the name `cli`.
        json: write JSON for programs.
    """
    try:
        settings = _choose(load(config, os.environ), gateway)
    except ConfigError as error:
        screen.fail(error.message, error.advice)
        return CheckExit.USAGE
    direct = wanted.host is not None or wanted.port is not None
    if not direct and (status := await _held(Proxy(url=url, token=token, timeout=2.0), settings.name)):
        return _show_held(status, json)
    result = await Examination(wanted.over(settings), lambda step: None if json else _show(step)).run()
    screen.emit(result) if json else _conclude(result)
    return result.exit


def _choose(config: Config, name: str) -> GatewaySettings:
    settings = config.gateways.get(name or next(iter(config.gateways)))
    if settings is None:
        raise ConfigError(f"There is no gateway {name} in the settings; there is {', '.join(config.gateways)}.")
    return settings


async def _held(proxy: Proxy, gateway: str) -> GatewayStatus | None:
    """The session as a running proxy sees it, or None where no proxy holds it."""
    try:
        report = await ask_status(proxy)
    except IbmuxError:
        # No proxy that would talk to us: the gateway itself is asked, as if there were none.
        return None
    return next((each for each in report.gateways if each.gateway == gateway and each.state in HELD), None)


def _show_held(status: GatewayStatus, json: bool) -> int:
    code = HELD[status.state]
    if status.state == "waiting" and status.reason.startswith("Cannot connect"):
        code = CheckExit.NOTHING_LISTENS
    if json:
        screen.emit({"exit": code, "message": status.reason, "proxy": status})
        return code
    line = Text.assemble(
        "The proxy holds this session: ", screen.state(status.state), f" for {screen.since(status.since)}"
    )
    screen.out.print(line + Text(f", {status.reason}" if status.reason else ""))
    if status.accounts:
        screen.out.print(f"  epoch {status.epoch}, server version {status.serverVersion}, {', '.join(status.accounts)}")
    return code


def _show(step: Step) -> None:
    head = f"[{step.number}/{STEPS}] {step.title} "
    if step.ok is None:
        if screen.out.is_terminal:
            screen.out.print(Text(head + "…", "dim"), end="\r")
        return
    mark: Any = ("ok  ", "green") if step.ok else ("FAIL", "bold red")
    took = f"{step.seconds * 1e3:8.1f} ms  "
    screen.out.print(Text.assemble(head.ljust(42, "."), " ", mark, took, (step.text, "dim")))


def _conclude(result: Result) -> None:
    good = result.exit == CheckExit.READY
    screen.out.print(Text(result.message, "green" if good else "bold red"))
    if result.hint:
        screen.out.print(Text(result.hint))
    screen.out.print(Text(f"{result.seconds * 1e3:.0f} ms, exit code {int(result.exit)}", "dim"))
