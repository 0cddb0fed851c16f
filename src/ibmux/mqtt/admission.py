"""From CONNECT to CONNACK: who is let in, on which terms (MQTT 5, sections 3.1 and 3.2)."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from mqtt5 import ConnAckPacket, ConnAckReasonCode, ConnectPacket, Will

from ibmux.mqtt.filters import is_name
from ibmux.mqtt.identity import Client, ConnectRefused, Credentials, Grant
from ibmux.mqtt.publication import Publication

if TYPE_CHECKING:
    from ibmux.mqtt.connection import Connection

logger = logging.getLogger(__name__)

_LONGEST_ID = 1024


def admit(connection: Connection, packet: ConnectPacket) -> None:
    """Let a client in: open its session, answer with CONNACK, and send what waited for it.

    Raises:
        ConnectRefused: it is not let in.
    """
    _check(packet)
    client_id = packet.client_id or f"auto-{secrets.token_hex(8)}"
    if connection.registry.is_full(client_id):
        raise ConnectRefused(ConnAckReasonCode.SERVER_BUSY, "too many clients are connected")
    client = _authenticate(connection, packet, client_id)
    if connection.registry.belongs_to_other(client_id, client.username):
        raise ConnectRefused(ConnAckReasonCode.CLIENT_ID_NOT_VALID, "this client id is in use under another name")
    will = _will(connection, packet.will, client)
    limits = connection.limits
    expiry = min(packet.session_expiry_interval, limits.session_expiry_max)
    session, present = connection.registry.open(connection, client, packet.clean_start, expiry)
    session.receive_maximum = min(packet.receive_max, limits.receive_maximum)
    session.will = will
    session.will_delay = packet.will.will_delay_interval if packet.will else 0
    keepalive = _keepalive(packet.keep_alive, limits.keepalive_max)
    connection.admitted(session, packet, keepalive)
    connection.control(_welcome(connection, packet, client, present, expiry, keepalive))
    if present:
        session.resume()


def _welcome(  # noqa: PLR0917
    connection: Connection, packet: ConnectPacket, client: Client, present: bool, expiry: int, keepalive: int
) -> bytes:
    """The CONNACK: whatever differs from what the client asked for is said."""
    limits = connection.limits
    return ConnAckPacket(
        session_present=present,
        session_expiry_interval=expiry if expiry != packet.session_expiry_interval else None,
        assigned_client_id=None if packet.client_id else client.client_id,
        server_keep_alive=keepalive if keepalive != packet.keep_alive else None,
        response_info=connection.rules.response_info(client) if packet.request_response_info else None,
        receive_max=limits.receive_maximum,
        topic_alias_max=limits.topic_alias_max,
        max_packet_size=limits.max_packet_size,
    ).write()


def _check(packet: ConnectPacket) -> None:
    if packet.authentication_method is not None:
        raise ConnectRefused(ConnAckReasonCode.BAD_AUTHENTICATION_METHOD, "no extended authentication here")
    if "\0" in packet.client_id or len(packet.client_id) > _LONGEST_ID:
        raise ConnectRefused(ConnAckReasonCode.CLIENT_ID_NOT_VALID, f"a client id may have {_LONGEST_ID} characters")
    if packet.max_packet_size == 0:
        raise ConnectRefused(ConnAckReasonCode.PROTOCOL_ERROR, "the maximum packet size is 0")


def _authenticate(connection: Connection, packet: ConnectPacket, client_id: str) -> Client:
    credentials = Credentials(client_id, packet.username, packet.password, connection.transport_name, connection.peer)
    try:
        verdict = connection.rules.authenticate(credentials)
    except ConnectRefused:
        raise
    except Exception as error:
        logger.exception("authentication of %s failed", client_id)
        raise ConnectRefused(ConnAckReasonCode.UNSPECIFIED_ERROR, "the credentials could not be checked") from error
    if isinstance(verdict, Grant):
        return Client(client_id, verdict.username, connection.transport_name, connection.peer, verdict.data)
    code = ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD if verdict is None else ConnAckReasonCode(verdict)
    raise ConnectRefused(code, "this name and password are not accepted")


def _will(connection: Connection, will: Will | None, client: Client) -> Publication | None:
    if will is None:
        return None
    if not is_name(will.topic):
        raise ConnectRefused(ConnAckReasonCode.TOPIC_NAME_INVALID, "the will's topic is no topic name")
    if not connection.rules.authorize_publish(client, will.topic):
        raise ConnectRefused(ConnAckReasonCode.NOT_AUTHORIZED, f"{client.username!r} may not publish its will there")
    return Publication(
        will.topic,
        will.payload or b"",
        int(will.qos),
        will.retain,
        will.message_expiry_interval,
        0.0,
        will.content_type,
        will.response_topic,
        will.correlation_data,
        will.user_properties or None,
        will.payload_format_indicator,
        client.client_id,
        client.username,
    )


def _keepalive(wish: int, longest: int) -> int:
    return longest if longest and (wish == 0 or wish > longest) else wish
