"""`ibmux halt` and `ibmux resume`: new orders of a gateway stopped, and let pass again."""

from __future__ import annotations

from ibmux.cli import screen
from ibmux.cli.exits import Exit
from ibmux.cli.options import PROXY, Proxy
from ibmux.messages.session import GatewayStatus


async def halt(reason: str = "", *, proxy: Proxy = PROXY) -> int:
    """Stop new orders of all scripts at once, also those that wait for their turn. Takes the role admin.

    Orders at the exchange are left alone, and cancels pass; `ibmux flatten` still closes positions. It lasts until
    `ibmux resume`, also over a restart of the proxy.

    Args:
        reason: what everybody is told meanwhile.
        proxy: which proxy to ask, as whom.
    """
    return await _turn("halt", proxy, reason)


async def resume(reason: str = "", *, proxy: Proxy = PROXY) -> int:
    """Let orders pass again: ends a halt, a person's or the circuit breaker's. Takes the role admin.

    The breaker's counts begin anew: rejections from none, losses from where they stand.

    Args:
        reason: why, for the record.
        proxy: which proxy to ask, as whom.
    """
    return await _turn("resume", proxy, reason)


async def _turn(method: str, proxy: Proxy, reason: str) -> int:
    async with proxy.connect() as connection:
        status: GatewayStatus = await connection.call(method, reason=reason)
    if proxy.json:
        screen.emit(status)
    else:
        screen.tell(f"{status.gateway}: {status.halted or 'orders pass.'}")
    return Exit.OK
