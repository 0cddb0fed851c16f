"""What an answer of the gateway, or its absence, means for `ibmux check`: pure judgement, with a remedy for each.

Knows no socket; the codes and texts are Interactive Brokers' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ibmux.cli.exits import CheckExit

Kind = Literal["paper", "live", ""]
ID_IN_USE = 326
VALIDATION = 321
LOST = frozenset({1100, 2110})
RESTORED = frozenset({1101, 1102})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The gateway to examine, and what is promised of it; `timeout` in seconds, for each step."""

    host: str = "127.0.0.1"
    port: int = 4002
    client_id: int = 1
    kind: Kind = ""
    accounts: tuple[str, ...] = ()
    timeout: float = 10.0

    @property
    def address(self) -> str:
        """Host and port as a person writes them."""
        return f"{self.host}:{self.port}"


class Verdict(Exception):
    """Ends an examination: the exit code, what was found in one sentence, and what to do about it."""

    def __init__(self, exit: CheckExit, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.exit, self.message, self.hint = exit, message, hint


def kind_of(account: str) -> Kind:
    """Paper accounts begin with D (DU, DF, DI), as Interactive Brokers numbers them; all others are live."""
    return "paper" if account.startswith("D") else "live"


def judge_accounts(target: Target, accounts: list[str]) -> Verdict | None:
    """Whether the login has other accounts than promised, or accounts of the other kind."""
    if missing := [each for each in target.accounts if each not in accounts]:
        return Verdict(
            CheckExit.WRONG_ACCOUNT,
            f"This login does not have {', '.join(missing)}; it has {', '.join(accounts) or 'none'}.",
            "Is the gateway logged in as another user? Compare `accounts` in proxy.toml.",
        )
    if target.kind and (wrong := [each for each in accounts if kind_of(each) != target.kind]):
        return Verdict(
            CheckExit.WRONG_ACCOUNT,
            f"A {target.kind} login was promised, and {', '.join(wrong)} is {kind_of(wrong[0])}.",
            "Log the gateway in to the other kind, or correct `kind` in proxy.toml. Do not trade before.",
        )
    return None


def judge_error(target: Target, code: int, text: str) -> Verdict | None:
    """Whether an error message ends the examination; most are notices."""
    if code == ID_IN_USE:
        return Verdict(
            CheckExit.CLIENT_ID_IN_USE,
            f"clientId {target.client_id} is in use (326).",
            "If that is the proxy, ask it: `ibmux status`. A connection just closed may hold it for some seconds more.",
        )
    if code == VALIDATION and "read-only" in text.lower():
        return Verdict(
            CheckExit.API_REFUSED,
            "The API is in read-only mode (321).",
            "Switch off `Read-Only API` in the gateway's API settings, unless scripts shall only read.",
        )
    return None


def nothing_listens(target: Target, why: str) -> Verdict:
    """No connection at all."""
    return Verdict(
        CheckExit.NOTHING_LISTENS,
        f"Nothing listens at {target.address} ({why}).",
        "Is TWS or IB Gateway running, logged in, its API enabled? Paper uses port 4002 or 7497, live 4001 or 7496.",
    )


def not_the_api(target: Target) -> Verdict:
    """Something else answered."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"{target.address} answers, but not as TWS or IB Gateway do.",
        "Another program listens there; IB Gateway uses 4001 and 4002, TWS 7496 and 7497.",
    )


def silent(target: Target) -> Verdict:
    """The connection is accepted and nothing is said."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"{target.address} accepts connections, but the API does not answer.",
        "A login or two-factor dialog may be open, or the gateway is stuck: look at its window, or restart it.",
    )


def hung_up(target: Target) -> Verdict:
    """The connection is accepted and closed before a word was said."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"{target.address} accepts connections and closes them at once.",
        "A forwarder (socat in a container) may stand there without a gateway behind it, or the gateway does not trust "
        "this address.",
    )


def is_notice(code: int) -> bool:
    """Whether a message of this code tells of the gateway's own connections, and complains of nothing."""
    return code in LOST | RESTORED or 2100 <= code < 2200


def refused(complaint: str = "") -> Verdict:
    """The gateway greeted and then closed the connection; `complaint` is the last thing it said."""
    said = f": {complaint}" if complaint else "."
    return Verdict(
        CheckExit.API_REFUSED,
        f"The gateway speaks the API and then closed the connection{said}",
        "Is `Enable ActiveX and Socket Clients` on, and is this address trusted? The gateway's log names the reason.",
    )


def stuck(what: str) -> Verdict:
    """The gateway greeted and then said no more."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"The API greets, but {what} gets no answer.",
        "The gateway is still starting, or stuck: wait a minute, then restart it.",
    )


def slow(what: str) -> Verdict:
    """The first download is late or cannot be complete."""
    hint = "Look at the gateway's own connection, and at the load of its machine; `--timeout` gives it longer."
    return Verdict(CheckExit.SLOW, what, hint)
