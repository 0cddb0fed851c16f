"""What an attempt to hold a session showed: pure judgement, in words for people, with a remedy for each.

Knows no socket; the codes and texts are Interactive Brokers' own. The numbers are the exit codes of `ibmux check`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple


class CheckExit(IntEnum):
    """What an attempt found out; the exit code of `ibmux check`."""

    READY = 0
    """The gateway answers everything that a session needs."""
    NOTHING_LISTENS = 1
    """Nothing accepts a connection at the address."""
    NO_ANSWER = 2
    """Something accepts the connection and does not speak the API."""
    CLIENT_ID_IN_USE = 3
    """Another connection holds the clientId (error 326)."""
    WRONG_ACCOUNT = 4
    """The login has other accounts, or is of another kind (paper, live), than promised."""
    API_REFUSED = 5
    """The API is not enabled for this address, or is read-only."""
    SLOW = 6
    """The first download was slow or never ended, or the gateway has lost Interactive Brokers."""
    USAGE = 64
    """Wrong arguments or settings; nothing was tried."""


class Verdict(NamedTuple):
    """What was found in one sentence or two, and what a person can do about it."""

    exit: CheckExit
    reason: str
    advice: str = ""


class Promise(NamedTuple):
    """What the settings say of a login: its kind (`paper`, `live`, empty for both) and accounts that it must have."""

    kind: str = ""
    accounts: tuple[str, ...] = ()


def kind_of(accounts: Sequence[str]) -> str:
    """`paper` or `live`; empty while no account is known. Paper accounts begin with D (DU, DF, DI), as Interactive
    Brokers numbers them.
    """
    if not accounts:
        return ""
    return "live" if any(map(is_live, accounts)) else "paper"


def is_live(account: str) -> bool:
    """Whether it is no paper account."""
    return not account.startswith("D")


def unsuitable(place: str, promise: Promise, accounts: Sequence[str]) -> Verdict | None:
    """Why this login is not the one that was promised; `None` if it is."""
    listed = ", ".join(accounts) or "none"
    if missing := [account for account in promise.accounts if account not in accounts]:
        return Verdict(
            CheckExit.WRONG_ACCOUNT,
            f"The login at {place} has no account {', '.join(missing)}; it has {listed}.",
            "Is the gateway logged in as another user? Compare `accounts` in proxy.toml.",
        )
    if promise.kind and promise.kind != kind_of(accounts):
        return Verdict(
            CheckExit.WRONG_ACCOUNT,
            f"proxy.toml promises a {promise.kind} login at {place}, but its accounts are {kind_of(accounts)}: "
            f"{listed}.",
            "Log the gateway in to the promised kind, or correct `kind` in proxy.toml. Do not trade before.",
        )
    return None


def absent(place: str, why: str) -> Verdict:
    """No connection at all."""
    return Verdict(
        CheckExit.NOTHING_LISTENS,
        f"Nothing listens at {place} ({why}).",
        "Is TWS or IB Gateway running, logged in, its API enabled? Paper uses port 4002 or 7497, live 4001 or 7496.",
    )


def in_use(place: str, client: int) -> Verdict:
    """Another program holds our clientId."""
    return Verdict(
        CheckExit.CLIENT_ID_IN_USE,
        f"clientId {client} is in use at {place} (326): another program is connected with it, or a connection that "
        "ended a moment ago still holds it.",
        "If another proxy holds the gateway, use that one (`ibmux status`). Otherwise end the other program, or give "
        "that one another clientId: orders belong to the one that ibmux uses.",
    )


def silent(place: str, seconds: float) -> Verdict:
    """The connection is taken and nothing is said."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"{place} takes connections and says nothing for {seconds:g} seconds: the API listener is stuck.",
        "Restart the gateway, unless its window shows a login, a second factor, or the question whether to accept a "
        "connection from this address: they look the same from here.",
    )


def stuck(place: str, what: str, seconds: float) -> Verdict:
    """The gateway greeted and then said no more."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"{place} greets, but {what} does not come within {seconds:g} seconds: the API listener is stuck.",
        "Restart the gateway, unless it has only just been started: then it needs a minute.",
    )


def hung_up(place: str) -> Verdict:
    """The connection is taken and closed before a word was said."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"{place} takes connections and closes them at once.",
        "A forwarder (socat in a container) may stand there without a gateway behind it, or the gateway does not trust "
        "this machine's address.",
    )


def refused(place: str, complaint: str = "") -> Verdict:
    """The gateway greeted and then closed the connection; `complaint` is the last thing it said."""
    said = f": {complaint}." if complaint else "."
    return Verdict(
        CheckExit.API_REFUSED,
        f"{place} greeted and then closed the connection{said}",
        "The gateway's own log may say more."
        if complaint
        else "Is `Enable ActiveX and Socket Clients` on, and this address trusted? The gateway's log names the reason.",
    )


def stranger(place: str, why: str) -> Verdict:
    """Something else answered."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"{place} answers, but not as TWS or IB Gateway do: {why}.",
        "Another program listens there; IB Gateway uses 4001 and 4002, TWS 7496 and 7497.",
    )


def unfinished(what: str) -> Verdict:
    """A part of the first download that must not be missing did not come."""
    return Verdict(
        CheckExit.SLOW,
        f"The first download failed: {what}",
        "Look at the gateway's own connection and at the load of its machine; `request_timeout` gives it longer.",
    )


def leftover(place: str, sockets: str) -> Verdict:
    """A socket of before is still there."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"An earlier connection to {place} has not ended ({sockets}); ibmux never opens a second one.",
        "If it stays, restart the proxy.",
    )


def broken(place: str, why: str) -> Verdict:
    """The connection ended, or no attempt could be made, for a reason of its own."""
    return Verdict(CheckExit.NO_ANSWER, f"The connection to {place} failed: {why}", "Look at the gateway's window.")


def mute(place: str, seconds: float) -> Verdict:
    """A session that stood has gone silent."""
    return Verdict(
        CheckExit.NO_ANSWER,
        f"{place} has said nothing for {seconds:.0f} seconds and does not answer when asked for the time.",
        "Look at the gateway's machine: it may hang, sleep, or be cut off from the network. If it runs, restart the "
        "gateway.",
    )


def offline(why: str) -> Verdict:
    """The gateway answers, and has lost Interactive Brokers."""
    return Verdict(
        CheckExit.SLOW,
        why,
        "Mostly nothing: gateways reconnect by themselves, and Interactive Brokers resets every night. After a quarter "
        "of an hour look at the gateway's window, its machine's network, and Interactive Brokers' status page.",
    )


def complete(client: int, accounts: Sequence[str], missing: Sequence[str]) -> Verdict:
    """The first download ended; what the gateway left out of it is named."""
    if not missing:
        return Verdict(CheckExit.READY, f"Ready as client {client}: {', '.join(accounts)}.")
    reason = f"Ready, but the gateway gave {'; '.join(missing)}."
    if any("read-only" in each.lower() for each in missing):
        return Verdict(
            CheckExit.API_REFUSED,
            "Ready, but the gateway's API is in Read-Only mode: it takes no orders, and does not say which there are.",
            "Switch off `Read-Only API` in the gateway's API settings, unless scripts shall only read.",
        )
    return Verdict(CheckExit.SLOW, reason, "Nothing at once: ibmux asks again for what is missing.")


def late(seconds: float) -> Verdict:
    """Everything came, but slowly."""
    return Verdict(
        CheckExit.SLOW,
        f"Ready, but the first download took {seconds:.1f} seconds.",
        "Look at the gateway's own connection, and at the load of its machine.",
    )
