"""Requests that the simulation does not model: each gets the error with which a gateway would refuse it.

Codes and texts: IBKR's message codes.
"""

from __future__ import annotations

from ibmux.sim.answers.kind import Handler, quiet
from ibmux.sim.clients.client import Client
from ibmux.tws.layout import Values


def verification(client: Client, ask: Values) -> None:
    """Refuse the verification of third-party programs."""
    client.reply("verifyCompleted", isSuccessful="false", errorText="Verification is not available")


HANDLERS: dict[str, Handler] = {
    "verifyRequest": verification,
    "verifyMessage": verification,
    "verifyAndAuthRequest": verification,
    "verifyAndAuthMessage": verification,
    "cancelCalculateImpliedVolatility": quiet,
    "cancelCalculateOptionPrice": quiet,
}
