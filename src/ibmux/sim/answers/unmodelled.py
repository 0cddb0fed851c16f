"""Requests that the simulation does not model: each gets the error with which a gateway would refuse it.

Codes and texts: IBKR's message codes; 10358 as present gateways answer fundamentals.
"""

from __future__ import annotations

from ibmux.tws.layout import Values

from ..client import Client
from .kind import Handler, invalid, quiet

_REFUSED: dict[str, tuple[int, str]] = {
    "reqMktDepth": (
        10092,
        "Deep market data is not supported for this combination of security type/exchange",
    ),
    "cancelMktDepth": (310, "Can't find the subscribed market depth with tickerId:{reqId}"),
    "exerciseOptions": (322, "Error processing request.-'bN' : cause - Exercise of options is not available"),
    "reqScannerSubscription": (
        162,
        "Historical Market Data Service error message:Scanner subscription is not available",
    ),
    "cancelScannerSubscription": (365, "No scanner subscription found for ticker id:{reqId}"),
    "reqRealTimeBars": (420, "Invalid Real-time Query:real-time bars are not available"),
    "cancelRealTimeBars": (300, "Can't find EId with tickerId:{reqId}"),
    "reqFundamentalData": (10358, "Fundamentals data is not allowed"),
    "cancelFundamentalData": (300, "Can't find EId with tickerId:{reqId}"),
    "queryDisplayGroups": (322, "Error processing request.-'bN' : cause - Display groups are a feature of TWS"),
    "subscribeToGroupEvents": (322, "Error processing request.-'bN' : cause - Display groups are a feature of TWS"),
    "updateDisplayGroup": (322, "Error processing request.-'bN' : cause - Display groups are a feature of TWS"),
    "unsubscribeFromGroupEvents": (322, "Error processing request.-'bN' : cause - No group subscription {reqId}"),
    "reqNewsArticle": (10172, "Failed to request news article:No subscription for news provider {providerCode}"),
    "reqHistoricalNews": (10276, "News feed is not allowed"),
    "reqHistogramData": (10188, "Failed to request histogram data:No market data permissions"),
    "reqHistoricalTicks": (10187, "Failed to request historical ticks:No market data permissions"),
    "reqTickByTickData": (10189, "Failed to request tick-by-tick data:No market data permissions for {exchange}"),
    "cancelTickByTickData": (300, "Can't find EId with tickerId:{reqId}"),
    "reqWshMetaData": (10279, "Failed request WSH metadata"),
    "cancelWshMetaData": (10280, "Failed cancel WSH metadata"),
    "reqWshEventData": (10283, "Failed request WSH event data"),
    "cancelWshEventData": (10284, "Failed cancel WSH event data"),
}


def _refusal(code: int, text: str) -> Handler:
    def refuse(client: Client, ask: Values) -> None:
        client.error(ask["reqId"], code, text.format(**ask))

    return refuse


def advisor_data(client: Client, ask: Values) -> None:
    """Refuse requestFA and replaceFA: the simulated user is no financial advisor."""
    invalid(client, ask.get("reqId", -1), "FA data operations ignored for non FA customers.")


def verification(client: Client, ask: Values) -> None:
    """Refuse the verification of third-party programs."""
    client.reply("verifyCompleted", isSuccessful="false", errorText="Verification is not available")


HANDLERS: dict[str, Handler] = {
    **{name: _refusal(code, text) for name, (code, text) in _REFUSED.items()},
    "requestFA": advisor_data,
    "replaceFA": advisor_data,
    "verifyRequest": verification,
    "verifyMessage": verification,
    "verifyAndAuthRequest": verification,
    "verifyAndAuthMessage": verification,
    "cancelHistogramData": quiet,
    "cancelCalculateImpliedVolatility": quiet,
    "cancelCalculateOptionPrice": quiet,
}
