"""`ibmux check`: shows the steps of one attempt as they happen, or asks the proxy that holds the session already."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter, validators
from rich.table import Table
from rich.text import Text

from ibmux import locks
from ibmux.cli import screen, tables
from ibmux.cli.asking import ask_status
from ibmux.cli.options import Proxy
from ibmux.cli.whereabouts import find_settings
from ibmux.config import Config, GatewaySettings, load
from ibmux.core.verdicts import CheckExit
from ibmux.errors import ConfigError, IbmuxError
from ibmux.messages.session import CheckReport, CheckStep, GatewayStatus
from ibmux.places import Endpoint

STEPS = 6
WIDEST = 36
"""Columns for the title of a step."""
HELD = {
    "ready": CheckExit.READY,
    "cut": CheckExit.SLOW,
    "syncing": CheckExit.SLOW,
    "standby": CheckExit.CLIENT_ID_IN_USE,
    "parked": CheckExit.WRONG_ACCOUNT,
    "connecting": CheckExit.NO_ANSWER,
    "waiting": CheckExit.NO_ANSWER,
}
"""What the state of a session that a proxy holds means here, unless its latest attempt says more."""
PORTS = validators.Number(gte=1, lte=65535)
CLIENT_IDS = validators.Number(gte=0, lt=2**31)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which gateway to ask, and what is promised of it; what is not given comes from the settings.

    Attributes:
        host: the gateway's host.
        port: the gateway's port.
        client_id: the clientId to use; with it the gateway is asked even if a proxy holds its session.
        account: an account that the login must have; may be given several times.
        kind: what the login must be.
        timeout: seconds for each step; without it those of the settings, as `serve` has them.
    """

    host: str | None = None
    port: Annotated[int | None, Parameter(validator=PORTS)] = None
    client_id: Annotated[int | None, Parameter(validator=CLIENT_IDS)] = None
    account: tuple[str, ...] = ()
    kind: Literal["paper", "live"] | None = None
    timeout: float | None = None

    def over(self, settings: GatewaySettings) -> GatewaySettings:
        """The settings with what was given laid over them; one endpoint, and no patience beyond the steps' own."""
        return msgspec.structs.replace(
            settings,
            host=self.host or settings.host,
            port=self.port or settings.port,
            fallback=(),
            client_id=settings.client_id if self.client_id is None else self.client_id,
            accounts=self.account or settings.accounts,
            kind=self.kind or settings.kind,
            connect_timeout=self.timeout or settings.connect_timeout,
            request_timeout=self.timeout or settings.request_timeout,
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

    It is the attempt that `ibmux serve` makes. Where a proxy holds the session already, that proxy is asked, and no
    second connection is opened. Without --host and --port the settings say where the gateway is.

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
        settings = _choose(load(find_settings(config), os.environ), gateway)
        target = wanted.over(settings)
        holder, status = None, None
        if wanted.client_id is None:
            holder = locks.holder(Endpoint(target.host, target.port))
            named = settings.name if wanted.host is None and wanted.port is None else ""
            status = await _held(Proxy(url=url, config=config, token=token, timeout=2.0), named, holder)
    except ConfigError as error:
        screen.fail(error.message, error.advice)
        return CheckExit.USAGE
    if status is not None:
        return _show_held(status, json)
    if holder is not None:
        return _show_stuck(holder, json)
    from ibmux.session.examination import examine  # noqa: PLC0415 - heavy, and only needed now

    report = await examine(target, lambda number, step: None if json else _show(number, step))
    screen.emit(report) if json else _conclude(report)
    return report.exit


def _choose(config: Config, name: str) -> GatewaySettings:
    settings = config.gateways.get(name or next(iter(config.gateways)))
    if settings is None:
        raise ConfigError(f"There is no gateway {name} in the settings; there is {', '.join(config.gateways)}.")
    return settings


async def _held(proxy: Proxy, gateway: str, holder: locks.Holder | None) -> GatewayStatus | None:
    """The session as a running proxy sees it: the one of the settings, or the one that holds the gateway's lock; `None`
    where no proxy holds it, or none that would talk to us.
    """
    asked = [(proxy, gateway)] if gateway else []
    if holder is not None and holder.door:
        asked.append((Proxy(url=holder.door, token=proxy.token, timeout=proxy.timeout), holder.gateway))
    for each, name in asked:
        try:
            report = await ask_status(each)
        except ConfigError:
            raise
        except IbmuxError:
            continue
        if found := next((one for one in report.gateways if one.gateway == name and one.state in HELD), None):
            return found
    return None


def judge_held(status: GatewayStatus) -> CheckExit:
    """The exit code for a session that a proxy holds; what was slow or missing when it began counts while it is so."""
    checked = status.check.exit if status.check else -1
    whole = status.state == "ready" and not status.missing
    return HELD[status.state] if whole or status.state == "cut" or checked <= 0 else CheckExit(checked)


def _show_held(status: GatewayStatus, json: bool) -> int:
    code = judge_held(status)
    if json:
        screen.emit({"exit": code, "message": status.reason, "hint": status.advice, "proxy": status})
        return code
    line = Text.assemble(
        "The proxy holds this session: ", screen.state(status.state), f" for {screen.since(status.since)}."
    )
    if status.check is not None:
        line += Text(f" Its latest attempt to connect, {screen.since(status.check.time)} ago:")
    screen.out.print(line)
    for number, step in enumerate(status.check.steps if status.check else ()):
        _show(number, step, last=True)
    if (told := tables.situation(status)) is not None:
        screen.out.print(told)
    screen.out.print(Text(f"exit code {code}", "dim"))
    return code


def _show_stuck(holder: locks.Holder, json: bool) -> int:
    """A proxy holds the gateway and does not answer: it is left alone, and so is the gateway."""
    message = f"Another proxy holds this gateway and does not answer: {holder}. No connection was opened."
    door = f" --url {holder.door}" if holder.door else ""
    hint = f"Ask it: `ibmux status{door}`. If it hangs, end it; its clientId is free some seconds later."
    report = CheckReport(CheckExit.CLIENT_ID_IN_USE, message, hint)
    screen.emit(report) if json else _conclude(report)
    return report.exit


def _show(number: int, step: CheckStep, *, last: bool = False) -> None:
    """One line for a step; one that is under way is written over when it ends, unless this is the `last` word of it."""
    head = f"[{number + 1}/{STEPS}] {step.title} "
    if step.ok is None:
        if last or sys.stdout.isatty():
            screen.out.print(Text(head + "…", "dim"), end="\n" if last else "\r")
        return
    mark = ("ok  ", "green") if step.ok else ("FAIL", "bold red")
    line = Table.grid(padding=(0, 1))
    line.add_column(no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(
        Text.assemble(head.ljust(WIDEST, "."), " ", mark, f"{step.seconds * 1e3:8.1f} ms"),
        Text(step.text if step.ok else "", "dim"),
    )
    screen.out.print(line)


def _conclude(report: CheckReport) -> None:
    good = report.exit == CheckExit.READY
    screen.out.print(Text(report.message, "green" if good else "bold red"), soft_wrap=not screen.out.is_terminal)
    if report.hint:
        screen.tell(report.hint)
    screen.out.print(Text(f"{report.seconds * 1e3:.0f} ms, exit code {report.exit}", "dim"))
