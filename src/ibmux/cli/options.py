"""The options that every verb shares which talks to a proxy, and the connection that they describe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import ibmux
from ibmux.cli.whereabouts import Address, find_proxy
from ibmux.client import IB
from ibmux.errors import Unreachable


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Proxy:
    """Which proxy to ask, as whom.

    Attributes:
        url: where the proxy listens: mqtt://, mqtts://, ws://, wss:// or unix:///path; else the settings say it.
        config: the proxy's settings; without it ./proxy.toml, then /etc/ibmux/proxy.toml, if there is one.
        gateway: the gateway to ask for; the first one if it is not given.
        name: the script name to use.
        token: the token of that name, where proxy.toml asks for one.
        timeout: seconds to wait for the connection and for each answer.
        json: write JSON for programs instead of tables.
    """

    url: Annotated[str | None, Parameter(env_var="IBMUX_URL")] = None
    config: Annotated[Path | None, Parameter(env_var="IBMUX_CONFIG")] = None
    gateway: Annotated[str, Parameter(env_var="IBMUX_GATEWAY")] = ""
    name: Annotated[str, Parameter(env_var="IBMUX_NAME")] = "cli"
    token: Annotated[str, Parameter(env_var="IBMUX_TOKEN")] = ""
    timeout: Annotated[float, Parameter(env_var="IBMUX_TIMEOUT")] = 10.0
    json: bool = False

    @asynccontextmanager
    async def connect(self, where: Address | None = None) -> AsyncIterator[IB]:
        """A connection for the time of one verb; `where` if that is known already.

        Raises:
            Unreachable: no proxy answers at the url.
            Refused: the proxy does not accept the name or the token.
            ConfigError: the settings that should say where it listens cannot be used.
        """
        where = where or find_proxy(self.url, self.config)
        opening = ibmux.connect(
            self.name,
            url=where.url,
            gateway=self.gateway or None,
            token=self.token or None,
            timeout=self.timeout,
            request_timeout=self.timeout,
        )
        try:
            connection = await opening
        except Unreachable as error:
            hint = f"Is `ibmux serve` running? The url comes from {where.source}; --url names another."
            raise Unreachable(error.message, hint=hint if where.source else error.advice) from None
        try:
            yield connection
        finally:
            await connection.close()


PROXY = Proxy()
"""The options as they are when none is given."""
