"""`ibmux halt` and `ibmux resume`: new orders of a gateway stopped, and let pass again."""

from __future__ import annotations

from dataclasses import replace

from ibmux.cli import screen
from ibmux.cli.asking import ask_status
from ibmux.cli.exits import Exit
from ibmux.cli.options import PROXY, Proxy
from ibmux.errors import IbmuxError
from ibmux.messages.session import GatewayStatus


async def halt(reason: str = "", *, proxy: Proxy = PROXY) -> int:
    """Stop new orders of all scripts at once, also those that wait for their turn. Takes the role admin.

    Of every gateway, if none is named with --gateway.
    Orders at the exchange are left alone, and cancels pass; `ibmux flatten` still closes positions. It lasts until
    `ibmux resume`, also over a restart of the proxy.

    Args:
        reason: what everybody is told meanwhile.
        proxy: which proxy to ask, as whom.
    """
    return await _turn("halt", proxy, reason)


async def resume(reason: str = "", *, proxy: Proxy = PROXY) -> int:
    """Let orders pass again: ends a halt, a person's or the circuit breaker's. Takes the role admin.

    Of every gateway that is halted, if none is named with --gateway. The breaker's counts begin anew: rejections from
    none, losses from where they stand.

    Args:
        reason: why, for the record.
        proxy: which proxy to ask, as whom.
    """
    return await _turn("resume", proxy, reason)


async def _turn(method: str, proxy: Proxy, reason: str) -> int:
    """One gateway after the other: the trouble of one must not keep another from being halted."""
    statuses: list[GatewayStatus] = []
    trouble: IbmuxError | None = None
    for name in await _gateways(method, proxy):
        async with replace(proxy, gateway=name).connect() as connection:
            try:
                statuses.append(await connection.call(method, reason=reason))
            except IbmuxError as error:
                trouble = trouble or error
    if proxy.json:
        screen.emit(statuses[0] if proxy.gateway and statuses else statuses)
    for status in () if proxy.json else statuses:
        screen.tell(f"{status.gateway}: {status.halted or 'orders pass.'}")
    if trouble is not None:
        raise trouble
    return Exit.OK


async def _gateways(method: str, proxy: Proxy) -> list[str]:
    """The gateway that is named, else every one; of those that are to resume, the halted ones, or the first."""
    if proxy.gateway:
        return [proxy.gateway]
    known = (await ask_status(proxy)).gateways
    chosen = [each for each in known if method == "halt" or each.halted] or known[:1]
    return [each.gateway for each in chosen]
