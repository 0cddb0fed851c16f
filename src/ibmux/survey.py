"""Looks at the running proxy as a whole: the report that people read, and the reading that metrics are made of.

Reads every part, changes none.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import ibmux
from ibmux.core.leases import Owner
from ibmux.doors.access import role_of
from ibmux.journal import Journal
from ibmux.messages.session import JournalInfo, ProxyReport, ScriptInfo, SharingInfo
from ibmux.mqtt.server import Endpoint
from ibmux.ops.readings import GatewayReading, JournalReading, LaneReading, MqttReading, Reading

if TYPE_CHECKING:
    from ibmux.daemon import Proxy
    from ibmux.services.gateway import Gateway
    from ibmux.session.stats import LaneStats


def report(proxy: Proxy) -> ProxyReport:
    """Everything that `ibmux status` shows."""
    return ProxyReport(
        version=ibmux.__version__,
        started=proxy.started_at,
        state=proxy.state,
        gateways=[gateway.session.status() for gateway in proxy.gateways.values()],
        scripts=_scripts(proxy),
        sharing={name: _sharing(proxy, gateway) for name, gateway in proxy.gateways.items()},
        journal=_journal_info(proxy),
    )


def _journal_info(proxy: Proxy) -> JournalInfo:
    journal = proxy.journal
    trouble = journal.trouble.message if journal.trouble is not None else ""
    return JournalInfo(str(journal.path.absolute()), journal.last_seq, journal.waiting, trouble)


def _sharing(proxy: Proxy, gateway: Gateway) -> SharingInfo:
    info = gateway.sharing()
    if isinstance(proxy.bus, Endpoint):
        stats = proxy.bus.stats()
        info.ticks_out, info.conflated = stats.messages_out, stats.conflated
    return info


def _scripts(proxy: Proxy) -> list[ScriptInfo]:
    """Scripts that announce themselves, and plain MQTT clients that do not."""
    door = proxy.door
    transports = {}
    rows: list[ScriptInfo] = []
    if isinstance(proxy.bus, Endpoint):
        transports = {each.client_id: each for each in proxy.bus.connections()}
    named = {owner.script for owner in door.present}
    for owner, presence in door.present.items():
        rows.append(_row(proxy, owner, presence.since))
    for each in transports.values():
        if each.username and each.username not in named:
            rows.append(_row(proxy, Owner(each.username, each.client_id), each.since))
    known = {each.username: each.transport for each in transports.values()}
    for row in rows:
        row.transport = known.get(row.script, "")
    return rows


def _row(proxy: Proxy, owner: Owner, since: float) -> ScriptInfo:
    gateways = proxy.gateways.values()
    return ScriptInfo(
        owner.script,
        owner.instance,
        role_of(proxy.config, owner.script),
        since,
        requests=proxy.door.requests[owner],
        leases=sum(gateway.claims_of(owner) for gateway in gateways),
        orders=sum(entry.script == owner.script for gateway in gateways for entry in gateway.feed.book),
    )


def reading(proxy: Proxy) -> Reading:
    """Numbers for Prometheus."""
    return Reading(
        version=ibmux.__version__,
        started=proxy.started_at,
        gateways=[_gateway(proxy, gateway) for gateway in proxy.gateways.values()],
        scripts=Counter(owner.script for owner in proxy.door.present),
        mqtt=_mqtt(proxy),
        journal=_journal(proxy.journal),
    )


def _journal(journal: Journal) -> JournalReading:
    return JournalReading(
        last_seq=journal.last_seq,
        oldest_seq=journal.oldest,
        waiting=journal.waiting,
        trouble=not journal.healthy,
        file_bytes=journal.size(),
    )


def _gateway(proxy: Proxy, gateway: Gateway) -> GatewayReading:
    session, sharing = gateway.session, gateway.sharing()
    stats, status = session.stats(), session.status()
    return GatewayReading(
        name=gateway.name,
        state=session.state,
        epoch=session.epoch,
        halted=bool(session.halted),
        last_message=stats.last_message,
        farms=status.farms,
        connects=stats.connects,
        transitions=stats.transitions,
        parts={"socket": status.socket, "api": status.api, "connected": status.connected},
        disconnects=stats.disconnects,
        gaps={"session": session.gaps - session.stream_gaps, "stream": session.stream_gaps},
        lines=sharing.lines,
        lines_limit=sharing.lines_limit,
        leases=sharing.leases,
        upstream=stats.sent,
        ticks_in=stats.ticks_in,
        ticks_out=gateway.publisher.ticks_out,
        conflated=gateway.market.folded,
        lanes={name: _lane(lane) for name, lane in stats.lanes.items()},
        received=stats.received,
        pending=stats.pending,
        illegal=stats.illegal,
        faults=stats.faults,
        in_flight=proxy.door.in_flight_at(gateway.name),
        orders=Counter(entry.trade.orderStatus.status for entry in gateway.feed.book),
    )


def _lane(lane: LaneStats) -> LaneReading:
    return LaneReading(depth=lane.depth, oldest=lane.oldest, passed=lane.passed, wait_seconds=lane.wait_seconds)


def _mqtt(proxy: Proxy) -> MqttReading:
    if not isinstance(proxy.bus, Endpoint):
        return MqttReading(up=proxy.bus.connected)
    stats = proxy.bus.stats()
    return MqttReading(
        up=True,
        connections=stats.connections,
        sessions=stats.sessions,
        subscriptions=stats.subscriptions,
        retained=stats.retained,
        queued_messages=stats.queued_messages,
        queued_bytes=stats.queued_bytes,
        messages_in=stats.messages_in,
        messages_out=stats.messages_out,
        bytes_in=stats.bytes_in,
        bytes_out=stats.bytes_out,
        conflated=stats.conflated,
        dropped=stats.dropped_slow,
        disconnects=stats.disconnects,
    )
