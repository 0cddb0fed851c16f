"""What docs/api.md says in its own words: how to ask, how to read, what an error is."""

from __future__ import annotations

from ibmux import topics
from ibmux.messages import SCHEMA

INTRODUCTION = f"""\
# API, version {SCHEMA}

Written from the code by `python -m ibmux.apidoc`; a test keeps it so.

Any MQTT 5 client with any MessagePack library can use this API: see [examples](../examples). The Python client
(`import ibmux`) is a comfortable form of it, under the method names of ib_async.

## How to ask

1. Connect with MQTT 5. The user name (or, without one, the client id) is the script's name; the password is its token,
   where `proxy.toml` has one. A script without an entry there has `default_role`.
2. Subscribe to your reply topic, `{topics.reply("<gw>", "<script>", "<instance>")}`. An instance is one running copy
   of the script; its name is yours to choose.
3. Publish to `{topics.request("<gw>", "<script>", "<method>")}` with QoS 1: the payload is one MessagePack map of the
   method's arguments (empty: no arguments), the property *response topic* is your reply topic, *correlation data* is
   whatever tells your answers apart. *Message expiry* is the deadline in seconds; without it the deadline is 30 s.
4. The reply carries your correlation data and the user properties `status` (`ok` or `error`), `epoch`, for an error
   `code`, and for a list or a text in parts `part` (`1/3`, `2/3`, `3/3`; in this order; put the lists or texts
   together).

Give every order a `key` of your own: the same key never becomes two orders. Without one the proxy makes it of instance
and correlation data; correlation data that were used before are then refused (`order.key_conflict`).

The PUBACK of a request that places orders comes when they are on the disk, or when the request ended; until then a
client whose connection broke sends the message again, and nothing happens twice. PUBACKs come in the order of your
messages: those behind a request that waits come after it; their replies do not wait. (Behind an outside broker the
PUBACK is the broker's.)

While the session is not `ready` a request is refused at once with `gateway.not_ready`. With the user property
`wait` = `ready` it waits instead, up to its deadline. A retained request gets `request.retained`.

## How to read

- Structs are maps under the field names below. **A field that has its default is left out**; an unset price or count is
  nil. Readers ignore fields that they do not know; a request with an unknown field is refused.
- Times are MessagePack timestamps in UTC where the type is `time`, and seconds since 1970 in UTC where a field says so.
- `epoch` grows when the session was lost and synchronised again; where it grows, or the `seq` of a stream has a hole,
  ask again for what you keep.
- Order events and fills carry numbers of the journal, which every script has its share of: holes in `seq` mean nothing
  there. `prev` is the number of your event before; if it is not the last one that you took, ask `replay` with `since`
  first. What comes twice has the same `seq`.
- A script that reads too slowly gets quotes folded (the latest wins). Replies, order events and fills are never
  dropped: past `[mqtt] max_queued_bytes` its connection is closed, with a reason.
- A lease (`reqMktData`, `reqTickByTickData`, `reqMktDepth`, `reqRealTimeBars`, `reqBarUpdates`) ends after its `ttl`
  unless the request is repeated, with its cancel (`cancelMktData`, …), or with the connection that asked for it. Its
  answer says where the stream is heard and which number comes next: subscribe first, then ask, and let what comes wait
  for the answer. After a loss upstream every stream goes on by itself; where items were missed, its numbers have a
  hole.
- What has no `ttl` (profit and loss, a model's values, bulletins) ends with its cancel, or with the connection that
  asked for it.
"""


ERRORS = """\
An error reply is the map `{code, message, hint, retryable, retry_after?, outcome, ib?}`. `outcome` is the fate of an
order: `rejected` and `not_sent` are certain, `unknown` means that it may be working, `none` is said of all else.
`ib` is `{code, message}` of Interactive Brokers, where there is one. The Python client raises the class.
"""
