"""Verbs that ask the proxy one question and print the answer: a table for people, JSON for programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec
from cyclopts import Parameter

from ibmux.cli import screen, tables
from ibmux.cli.exits import Exit
from ibmux.cli.options import PROXY, Proxy
from ibmux.config import load
from ibmux.messages.session import GatewayStatus, ProxyReport
from ibmux.places import in_words


async def ask_status(proxy: Proxy) -> ProxyReport:
    """The proxy's report.

    Raises:
        Unreachable: no proxy answers.
    """
    async with proxy.connect() as connection:
        report: ProxyReport = await connection.call("status")
    return report


async def status(*, proxy: Proxy = PROXY) -> int:
    """The proxy, its sessions, what is shared, and its scripts.

    Exit code 0 if every session is ready, 4 if not.
    """
    report = await ask_status(proxy)
    if proxy.json:
        screen.emit(report)
    else:
        screen.out.print(tables.status(report, screen.out.width))
    wanted = [each for each in report.gateways if proxy.gateway in ("", each.gateway)]
    return Exit.OK if all(each.state == "ready" for each in wanted) else Exit.NOT_READY


async def scripts(*, proxy: Proxy = PROXY) -> int:
    """The scripts that are connected: their roles, requests, leases and orders."""
    report = await ask_status(proxy)
    if proxy.json:
        screen.emit(report.scripts)
    else:
        screen.out.print(tables.scripts(report.scripts))
    return Exit.OK


async def park(reason: str = "", *, proxy: Proxy = PROXY) -> int:
    """Close the session of a gateway, and stay away from it until `ibmux unpark`. Takes the role admin.

    Orders at the exchange are left alone. Requests get gateway.not_ready with the reason meanwhile.

    Args:
        reason: what everybody is told meanwhile.
        proxy: which proxy to ask, as whom.
    """
    return await _move("park", proxy, reason=reason)


async def unpark(*, proxy: Proxy = PROXY) -> int:
    """Connect a gateway now: ends `parked`, and any pause. Takes the role admin.

    Args:
        proxy: which proxy to ask, as whom.
    """
    return await _move("unpark", proxy)


async def _move(method: str, proxy: Proxy, **arguments: Any) -> int:
    async with proxy.connect() as connection:
        status: GatewayStatus = await connection.call(method, **arguments)
    if proxy.json:
        screen.emit(status)
    else:
        screen.out.print(f"{status.gateway} is {status.state}: {status.reason}")
    return Exit.OK


async def positions(account: str = "", *, proxy: Proxy = PROXY) -> int:
    """Holdings of all accounts, or of one.

    Args:
        account: the account to list.
        proxy: which proxy to ask, as whom.
    """
    async with proxy.connect() as connection:
        held = await connection.call("positions", account=account)
    if proxy.json:
        screen.emit(held)
    else:
        screen.out.print(tables.positions(held))
    return Exit.OK


async def orders(
    *,
    finished: bool = False,
    mine: bool = False,
    proxy: Proxy = PROXY,
) -> int:
    """Open orders of all scripts.

    Args:
        finished: also those that are filled, cancelled or refused.
        mine: only those placed under this name (--name).
        proxy: which proxy to ask, as whom.
    """
    async with proxy.connect() as connection:
        trades = await connection.call("trades" if finished else "openTrades", all=not mine)
    if proxy.json:
        screen.emit(trades)
    else:
        screen.out.print(tables.orders(trades, screen.out.width))
    return Exit.OK


def healthcheck(
    *,
    ready: bool = False,
    gateway: Annotated[str, Parameter(env_var="IBMUX_GATEWAY")] = "",
    http: Annotated[str, Parameter(env_var="IBMUX_HTTP_URL")] = "",
    config: Annotated[Path | None, Parameter(env_var="IBMUX_CONFIG")] = None,
    timeout: float = 5.0,
) -> int:
    """Ask the proxy's HTTP door: does the process live, or (--ready) can scripts work?

    Args:
        ready: ask for readiness, which a gateway's restart ends for minutes; the default asks for life alone.
        gateway: with --ready, ask for this gateway only.
        http: the door's address; taken from the settings if it is not given.
        config: the proxy's settings, to find the door.
        timeout: seconds to wait.
    """
    base = http or door_url(config)
    path = "/livez" if not ready else f"/readyz?gateway={gateway}" if gateway else "/readyz"
    try:
        with urlopen(base.rstrip("/") + path, timeout=timeout) as answer:  # noqa: S310 - the operator's own address
            answer.read()
    except HTTPError as error:
        reasons = msgspec.json.decode(error.read()).get("reasons", [])
        screen.fail("; ".join(reasons) or f"{base} answered {error.code}.")
        return Exit.NOT_READY if ready else Exit.FAILED
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        text = in_words(reason) if isinstance(reason, OSError) else str(reason)
        screen.fail(f"Nothing answers at {base}: {text}.", "Is `ibmux serve` running, with [http] port set?")
        return Exit.UNREACHABLE
    screen.out.print("ready" if ready else "alive")
    return Exit.OK


def door_url(config: Path | None) -> str:
    """Where the HTTP door of a proxy with these settings and this environment listens."""
    http = load(config, os.environ).http
    host = "127.0.0.1" if http.host in ("", "0.0.0.0", "::") else http.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{http.port}"
