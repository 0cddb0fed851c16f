"""The options that every verb shares which talks to a proxy, and the connection that they describe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

import ibmux
from ibmux.client import IB


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Proxy:
    """Which proxy to ask, as whom.

    Attributes:
        url: where the proxy listens: mqtt://, mqtts://, ws://, wss:// or unix:///path; this machine if not given.
        gateway: the gateway to ask for; the first one if it is not given.
        name: the script name to use.
        token: the token of that name, where proxy.toml asks for one.
        timeout: seconds to wait for the connection and for each answer.
        json: write JSON for programs instead of tables.
    """

    url: Annotated[str | None, Parameter(env_var="IBMUX_URL")] = None
    gateway: Annotated[str, Parameter(env_var="IBMUX_GATEWAY")] = ""
    name: Annotated[str, Parameter(env_var="IBMUX_NAME")] = "cli"
    token: Annotated[str, Parameter(env_var="IBMUX_TOKEN")] = ""
    timeout: Annotated[float, Parameter(env_var="IBMUX_TIMEOUT")] = 10.0
    json: bool = False

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[IB]:
        """A connection for the time of one verb.

        Raises:
            Unreachable: no proxy answers at the url.
            Refused: the proxy does not accept the name or the token.
        """
        async with ibmux.connect(
            self.name,
            url=self.url,
            gateway=self.gateway or None,
            token=self.token or None,
            timeout=self.timeout,
            request_timeout=self.timeout,
        ) as connection:
            yield connection


PROXY = Proxy()
"""The options as they are when none is given."""
