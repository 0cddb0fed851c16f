"""Answers about market scans: the parameters' document, and scans that are run again until they are cancelled."""

from __future__ import annotations

from collections.abc import Iterator

from ibmux.sim.answers.kind import Handler
from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.clients.client import Client
from ibmux.sim.companies.scanner import SERVICE, ScanRequest, parse
from ibmux.sim.companies.scanner_parameters import document
from ibmux.tws.layout import Values

MAX_SCANS = 10
"""Scans that may run at once in a login (IBKR)."""
BUSY = "Error processing request.-'co' : cause - {}"


def parameters(client: Client, ask: Values) -> None:
    """Answer reqScannerParameters."""
    client.reply("scannerParameters", xml=document())


def subscribe(client: Client, ask: Values) -> None:
    """Answer reqScannerSubscription: a result now, and one after every interval until it is cancelled."""
    request_id = ask["reqId"]
    if sum(len(each.scanners) for each in client.gateway.clients.values()) >= MAX_SCANS:
        text = f"Only {MAX_SCANS} simultaneous API scanner subscriptions are allowed."
        client.error(request_id, 322, BUSY.format(text))
        return
    if request_id in client.scanners or request_id in client.timers:
        client.error(request_id, 322, BUSY.format("Duplicate ticker ID for API scanner subscription"))
        return
    request = parse(ask)
    if isinstance(request, Refusal):
        client.error(request_id, request.code, request.text)
        return
    client.scanners.add(request_id)
    client.after(request_id, client.gateway.settings.snapshot_delay, lambda: _scan(client, request_id, request))


def _scan(client: Client, request_id: int, request: ScanRequest) -> None:
    gateway = client.gateway
    _go_on(client, request_id, request, gateway.world.scanner.steps(request, gateway.clock.now()))


def _go_on(
    client: Client, request_id: int, request: ScanRequest, steps: Iterator[list[ContractDetails] | None]
) -> None:
    """Scan a little further; at the end, send what was found."""
    found = next(steps)
    if found is None:
        client.after(request_id, 0.0, lambda: _go_on(client, request_id, request, steps))
        return
    rows = [_row(rank, details) for rank, details in enumerate(found)]
    client.reply("scannerData", reqId=request_id, rows=rows)
    client.after(request_id, client.gateway.settings.scanner_interval, lambda: _scan(client, request_id, request))


def _row(rank: int, details: ContractDetails) -> Values:
    """One row of a result, with the fields that gateways fill in."""
    contract = details.contract
    return {
        "rank": rank,
        "conId": contract.conId,
        "symbol": contract.symbol,
        "secType": contract.secType,
        "lastTradeDateOrContractMonth": contract.lastTradeDateOrContractMonth,
        "strike": contract.strike,
        "right": contract.right,
        "exchange": contract.exchange,
        "currency": contract.currency,
        "localSymbol": contract.localSymbol,
        "marketName": details.marketName,
        "tradingClass": contract.tradingClass,
    }


def cancel(client: Client, ask: Values) -> None:
    """Answer cancelScannerSubscription: error 162 confirms it, 365 knows of no such scan."""
    request_id = ask["reqId"]
    if request_id not in client.scanners:
        client.error(request_id, 365, f"No scanner subscription found for ticker id:{request_id}")
        return
    client.scanners.discard(request_id)
    client.stop_timer(request_id)
    client.error(request_id, 162, f"{SERVICE}API scanner subscription cancelled: {request_id}")


HANDLERS: dict[str, Handler] = {
    "reqScannerParameters": parameters,
    "reqScannerSubscription": subscribe,
    "cancelScannerSubscription": cancel,
}
