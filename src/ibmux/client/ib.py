"""The client: every domain's methods in one class, and the way to get one connected."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ibmux import places, topics
from ibmux.client.accounts import Accounts
from ibmux.client.bars import Bars
from ibmux.client.connection import Identity
from ibmux.client.contracts import Contracts
from ibmux.client.depth import MarketDepth
from ibmux.client.exercise import Exercise
from ibmux.client.flattening import Flattening
from ibmux.client.history import History
from ibmux.client.moments import Moments
from ibmux.client.news import News
from ibmux.client.reference import Reference
from ibmux.client.rules import Rules
from ibmux.client.scanner import Scanner
from ibmux.errors import ConfigError, RequestError

if TYPE_CHECKING:
    from ssl import SSLContext  # loaded only where TLS is used

HINT = "The url comes from url= (`--url`) or IBMUX_URL, such as mqtt://127.0.0.1:1883 or unix:///run/ibmux/mqtt.sock."


class IB(
    Moments, News, MarketDepth, Bars, Rules, Exercise, Flattening, Accounts, Contracts, History, Scanner, Reference
):
    """One script's client. Methods and arguments are ib_async's; what asks the proxy is awaited, what is known here
    (`ticker`, `tickers`, `newsTicks`, `newsBulletins`, `status`, `isConnected`, `bracketOrder`, `oneCancelsAll`) is
    not.
    """

    def __init__(self, identity: Identity | None = None) -> None:
        if identity is None:
            raise RequestError(
                "`IB()` alone has no proxy to speak to.",
                hint="Write `ib = await ibmux.connect('my-script')`, or without `await` `ibmux.sync.connect(…)`.",
            )
        super().__init__(identity)

    def __repr__(self) -> str:
        state = "connected" if self.isConnected() else "not connected"
        return (
            f"<IB {self.script}/{self.instance} via {self._identity.url} gateway={self.gateway!r} [{state} | "
            f"{len(self._claims)} streams, {len(self._book)} trades, {len(self._requests)} requests]>"
        )


class Connecting:
    """What `connect` returns: `ib = await …` or `async with … as ib`.

    `holding`: whoever opens it will say when to tell what came `since`.
    """

    def __init__(self, identity: Identity) -> None:
        self.holding = False
        self._identity = identity
        self._ib: IB | None = None

    def __getattr__(self, name: str) -> Any:
        if hasattr(IB, name):
            raise AttributeError(
                f"`{name}`: not connected yet. Write `ib = await ibmux.connect(…)` or `async with ibmux.connect(…) as "
                "ib:`; without `await`, in plain scripts and notebooks: `ib = ibmux.sync.connect(…)`."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __await__(self) -> Generator[Any, None, IB]:
        return self._open().__await__()

    async def __aenter__(self) -> IB:
        self._ib = await self._open()
        return self._ib

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ib is not None:
            await self._ib.close()

    async def _open(self) -> IB:
        try:
            ib = IB(self._identity)
        except ConfigError as error:
            raise RequestError(f"{error.message}.", hint=HINT) from None
        await ib._open()  # noqa: SLF001 - the one who makes it opens it
        if not self.holding:
            ib._resume()  # noqa: SLF001 - and lets it tell of the past
        return ib


def connect(
    name: str,
    *,
    url: str | None = None,
    gateway: str | None = None,
    token: str | None = None,
    instance: str | None = None,
    timeout: float = 10.0,
    request_timeout: float = 30.0,
    tls: SSLContext | None = None,
    since: int | None = None,
) -> Connecting:
    """Connect a script to the proxy; await the result, or use it in `async with`.

    Args:
        name: the script's name, as in proxy.toml.
        url: `mqtt://host:port`, `mqtts://…`, `ws://…`, `wss://…` or `unix:///path`; else the environment's IBMUX_URL,
            else the proxy's Unix socket if there is one, else mqtt://127.0.0.1:1883.
        gateway: which gateway to use; else IBMUX_GATEWAY, else the proxy's only one (of several the first, with a
            warning: better name it).
        token: what proves the name, as in proxy.toml; else IBMUX_TOKEN.
        instance: names this running copy; else made of the process id and chance.
        timeout: seconds for connecting.
        request_timeout: seconds for each answer, where a method is given no other.
        tls: settings for `mqtts` and `wss`; else the system's certificates.
        since: the `lastSeq` of an earlier connection of this script: what became of its orders after that is told
            to the handlers that are there when the script next awaits something; without it only what comes from now
            on.

    Raises:
        RequestError: a name that cannot be used; when awaited, a url that cannot.
        Unreachable, Refused: when awaited.
    """
    gateway = gateway or os.environ.get("IBMUX_GATEWAY", "")
    instance = instance or f"{os.getpid()}-{os.urandom(3).hex()}"
    for kind, text in (("script", name), ("instance", instance), ("gateway", gateway or "any")):
        if not topics.is_name(text):
            raise RequestError(
                f"{text!r} cannot be the name of a {kind}.", hint="Up to 64 letters, digits, `.`, `_` and `-`."
            )
    where = url or os.environ.get("IBMUX_URL") or default_url()
    secret = token or os.environ.get("IBMUX_TOKEN")
    return Connecting(Identity(name, instance, where, gateway, secret, tls, timeout, request_timeout, since))


def default_url() -> str:
    """The proxy's Unix socket if there is one that this user may open, else its TCP port on this machine."""
    for path in places.sockets():
        try:
            is_socket = stat.S_ISSOCK(os.stat(path).st_mode)  # noqa: PTH116 - pathlib takes milliseconds to load
            if is_socket and os.access(path, os.W_OK):  # another user's proxy is asked over TCP
                return f"unix://{path}"
        except OSError:
            continue
    return places.DEFAULT_URL
