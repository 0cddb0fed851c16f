"""The topics that scripts hear on, as the document's table has them."""

from __future__ import annotations

from typing import NamedTuple

from ibmux import topics


class Channel(NamedTuple):
    """One topic of the API: who hears what on it."""

    topic: str
    payload: str
    notes: str


def channels() -> list[Channel]:
    """Every topic but those of requests and replies."""
    gw, script, account_name, con_id = "<gw>", "<script>", "<account>", "<conId>"
    return [
        Channel(topics.PROXY_STATUS, "ProxyStatus", "retained, and the proxy's will at an outside broker"),
        Channel(topics.PROXY_INFO, "ProxyInfo", "retained"),
        Channel(topics.presence(script, "<instance>"), "Presence", "retained, written by the script; its leases end"),
        Channel(topics.status(gw), "GatewayStatus", "retained"),
        Channel(topics.session_event(gw), "SessionEvent", "QoS 1"),
        Channel(topics.notice(gw), "Notice", "QoS 1"),
        Channel(topics.order_event(gw, script), "OrderEvent", f"QoS 1; `{topics.EXTERNAL}` for orders of others"),
        Channel(topics.fill_event(gw, script), "FillEvent", f"QoS 1; `{topics.EXTERNAL}` for orders of others"),
        Channel(topics.order_state(gw, script, "<key>"), "OrderStateRecord", "retained, cleared when finished"),
        Channel(topics.position_state(gw, account_name, con_id), "PositionState", "retained, cleared when flat"),  # type: ignore[arg-type]
        Channel(topics.account_state(gw, account_name), "AccountState", "retained"),
        Channel(topics.pnl_state(gw, account_name), "PnLState", "retained"),
        Channel(topics.pnl_state(gw, account_name, "<model>"), "PnLState", "retained while it is followed"),
        Channel(topics.pnl_state(gw, account_name, con_id=con_id), "PnLSingleState", "retained while it is followed"),  # type: ignore[arg-type]
        Channel(
            topics.pnl_state(gw, account_name, "<model>", con_id),  # type: ignore[arg-type]
            "PnLSingleState",
            "retained while it is followed",
        ),
        Channel(topics.scan(gw, "<scan>"), "ScanState", "retained for 300 s, while it is followed"),
        Channel(topics.news(gw), "NewsEvent", "QoS 1"),
        Channel(topics.quote(gw, con_id), "Quote", "retained for 60 s; at most four a second"),  # type: ignore[arg-type]
        Channel(topics.tick(gw, con_id), "Ticks", "QoS 0; every tick"),  # type: ignore[arg-type]
        Channel(topics.last(gw, con_id), "LastTicks", "QoS 0; every trade"),  # type: ignore[arg-type]
        Channel(topics.all_last(gw, con_id), "LastTicks", "QoS 0; every trade"),  # type: ignore[arg-type]
        Channel(topics.bid_ask(gw, con_id), "BidAskTicks", "QoS 0; every change"),  # type: ignore[arg-type]
        Channel(topics.midpoint(gw, con_id), "MidPointTicks", "QoS 0; every change"),  # type: ignore[arg-type]
        Channel(topics.depth(gw, con_id), "Depth", "QoS 0; every change"),  # type: ignore[arg-type]
        Channel(topics.real_time_bars(gw, con_id, "<what>"), "RealTimeBars", "QoS 0; every bar as it ends"),  # type: ignore[arg-type]
        Channel(topics.bars(gw, con_id, "<size>", "<what>"), "BarUpdates", "QoS 0; every change of the last bar"),  # type: ignore[arg-type]
    ]
