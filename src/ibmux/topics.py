"""The only place where a topic is built or parsed (API version 1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from ibmux.errors import RequestError

ROOT = "ibmux/v1"
PROXY = "proxy"
EXTERNAL = "external"
"""The script name under which orders appear that no script of ours placed."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}\Z")
_RESERVED = frozenset({PROXY, "scripts"})

PROXY_STATUS = f"{ROOT}/proxy/status"
PROXY_INFO = f"{ROOT}/proxy/info"
REQUESTS = f"{ROOT}/+/req/+/+"
PRESENCES = f"{ROOT}/scripts/+/+"


class RequestTopic(NamedTuple):
    """What a request's topic says: who asks which gateway for what."""

    gateway: str
    script: str
    method: str


class ReplyTopic(NamedTuple):
    """What a response topic says: whose reply it is, and which running copy asked."""

    gateway: str
    script: str
    instance: str


def is_name(text: str) -> bool:
    """Whether a script, instance or gateway may be called this: it becomes one level of a topic."""
    return _NAME.match(text) is not None


def is_script_name(text: str) -> bool:
    """Whether a script may be called this: `external` stands for everybody who is none of ours."""
    return is_name(text) and text != EXTERNAL


def is_gateway_name(text: str) -> bool:
    """Whether a gateway may be called this."""
    return is_name(text) and text not in _RESERVED


def request(gateway: str, script: str, method: str) -> str:
    """Where a script asks a gateway for something."""
    return f"{ROOT}/{gateway}/req/{script}/{method}"


def parse_request(topic: str) -> RequestTopic:
    """Read a request's topic.

    Raises:
        RequestError: the topic is not a request's.
    """
    parts = topic.split("/")
    if len(parts) != 6 or topic[: len(ROOT)] != ROOT or parts[3] != "req":
        raise RequestError(f"{topic!r} is not a request topic", hint=f"Use {ROOT}/<gateway>/req/<script>/<method>.")
    return RequestTopic(parts[2], parts[4], parts[5])


def reply(gateway: str, script: str, instance: str) -> str:
    """Where one running copy of a script gets its replies."""
    return f"{ROOT}/{gateway}/rep/{script}/{instance}"


def replies(script: str, instance: str) -> str:
    """The filter for all replies to one running copy, whatever the gateway."""
    return f"{ROOT}/+/rep/{script}/{instance}"


def parse_reply(topic: str) -> ReplyTopic:
    """Read a response topic.

    Raises:
        RequestError: the topic is not one for replies.
    """
    parts = topic.split("/")
    if len(parts) != 6 or topic[: len(ROOT)] != ROOT or parts[3] != "rep":
        raise RequestError(
            f"{topic!r} is not a response topic", hint=f"Respond under {ROOT}/<gateway>/rep/<script>/<instance>."
        )
    return ReplyTopic(parts[2], parts[4], parts[5])


def presence(script: str, instance: str) -> str:
    """Where a script's client says that it is online (retained) and its will says that it is not."""
    return f"{ROOT}/scripts/{script}/{instance}"


def parse_presence(topic: str) -> tuple[str, str]:
    """Script and instance of a presence topic."""
    parts = topic.split("/")
    return parts[3], parts[4]


def status(gateway: str) -> str:
    """The session's state, retained."""
    return f"{ROOT}/{gateway}/status"


def order_event(gateway: str, script: str) -> str:
    """Each event of a script's orders."""
    return f"{ROOT}/{gateway}/evt/order/{script}"


def fill_event(gateway: str, script: str) -> str:
    """Each execution, and its commission when it comes."""
    return f"{ROOT}/{gateway}/evt/fill/{script}"


def session_event(gateway: str) -> str:
    """State transitions and gaps."""
    return f"{ROOT}/{gateway}/evt/session"


def notice(gateway: str) -> str:
    """Messages of Interactive Brokers that belong to no request."""
    return f"{ROOT}/{gateway}/evt/notice"


def news(gateway: str) -> str:
    """Headlines and bulletins."""
    return f"{ROOT}/{gateway}/evt/news"


def order_state(gateway: str, script: str, key: str) -> str:
    """The last known state of an order, retained while it is open; the key is escaped as `escape` says."""
    return f"{ROOT}/{gateway}/state/order/{script}/{escape(key)}"


def position_state(gateway: str, account: str, con_id: int) -> str:
    """The last known position, retained; cleared when flat."""
    return f"{ROOT}/{gateway}/state/position/{account}/{con_id}"


def account_state(gateway: str, account: str) -> str:
    """The account's values, retained."""
    return f"{ROOT}/{gateway}/state/account/{account}"


def pnl_state(gateway: str, account: str, model: str = "", con_id: int = 0) -> str:
    """The profit and loss of an account, retained; with a model or a position (`con_id`) that of this part of it,
    retained while somebody follows it. The model is escaped as `escape` says.
    """
    part = (f"/model/{escape(model)}" if model else "") + (f"/{con_id}" if con_id else "")
    return f"{ROOT}/{gateway}/state/pnl/{account}{part}"


def scan(gateway: str, scan: str) -> str:
    """The rows of a market scan, retained while somebody follows it."""
    return f"{ROOT}/{gateway}/state/scan/{scan}"


def quote(gateway: str, con_id: int) -> str:
    """The whole quote of a contract, conflated, retained for 60 seconds."""
    return f"{ROOT}/{gateway}/md/{con_id}/quote"


def tick(gateway: str, con_id: int) -> str:
    """Every tick of a contract, in order, gathered per turn of the proxy's loop."""
    return f"{ROOT}/{gateway}/md/{con_id}/tick"


def last(gateway: str, con_id: int) -> str:
    """Every trade that counts for the last price, one by one."""
    return market(gateway, con_id, "last")


def all_last(gateway: str, con_id: int) -> str:
    """Every trade, also of combinations, derivatives and at average prices, one by one."""
    return market(gateway, con_id, "alllast")


def bid_ask(gateway: str, con_id: int) -> str:
    """Every change of the best bid and ask, one by one."""
    return market(gateway, con_id, "bidask")


def midpoint(gateway: str, con_id: int) -> str:
    """Every change of the mean of bid and ask, one by one."""
    return market(gateway, con_id, "midpoint")


def depth(gateway: str, con_id: int) -> str:
    """Every change of the order book."""
    return market(gateway, con_id, "depth")


def real_time_bars(gateway: str, con_id: int, what: str) -> str:
    """Five-second bars as they end; `what` as `messages.bars.what_name` makes it."""
    return bars(gateway, con_id, "5s", what)


def bars(gateway: str, con_id: int, size: str, what: str) -> str:
    """Bars that are kept up to date; `size` and `what` as `messages.bars` makes them."""
    return market(gateway, con_id, f"bar/{size}/{what}")


def market(gateway: str, con_id: int, stream: str) -> str:
    """A stream of a contract's market data by its name, such as `last` or `bar/5s/TRADES`."""
    return f"{ROOT}/{gateway}/md/{con_id}/{stream}"


def parse_con_id(topic: str) -> int:
    """The contract of a topic of market data."""
    return int(topic.split("/")[4])


def is_market_data(topic: str) -> bool:
    """Whether a slow reader's copies of this topic may be folded: the latest whole quote says all."""
    return topic.endswith("/quote") and "/md/" in topic


_UNSAFE = re.compile(r"[/+#%\x00-\x1f]")


def escape(text: str) -> str:
    """One topic level from free text: `/`, `+`, `#`, `%` and control characters as `%XX`."""
    return _UNSAFE.sub(lambda hit: f"%{ord(hit.group()):02X}", text)
