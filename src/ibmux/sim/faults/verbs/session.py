"""Faults of the session with Interactive Brokers: cuts, farms, another session, restarts, logins, accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibmux.sim.faults.farms import BROKEN
from ibmux.sim.faults.outage import LATE, TOLD, TOLD_ALL, TOLD_NOTHING, WORDS
from ibmux.sim.faults.verbs.connections import reopen, shut
from ibmux.sim.faults.verbs.kind import FaultError, Number, Seconds, YesNo

if TYPE_CHECKING:
    from ibmux.sim.server import SimulatedGateway


def cut(  # noqa: PLR0917 - a line of text names them
    gateway: SimulatedGateway,
    seconds: Seconds = 0.0,
    bare: YesNo = False,
    told: str = LATE,
    broken: YesNo = False,
    word: str = TOLD_ALL,
) -> str:
    """Lose Interactive Brokers (1100; `broken`: 2110, too) until `restore`, or for so long: no data, requests for
    them get 200 or 504, orders are held. News of orders are told afterwards (`late`), never (`lost`) or meanwhile
    (`through`). `bare`: it ends with 1101 and without subscriptions. `word`: what is said at its end: `full` (1101 or
    1102), `farms` (2104 and the like alone) or `none`.
    """
    if told not in TOLD:
        raise FaultError(f"cut: told is one of {', '.join(TOLD)}")
    _check_word("cut", word)
    gateway.outage.cut(told, broken)
    return gateway.faults.begin("cut", "no Interactive Brokers", lambda: gateway.outage.restore(bare, word), seconds)


def restore(gateway: SimulatedGateway, bare: YesNo = False, word: str = TOLD_ALL) -> str:
    """End `cut` with 1102: lines go on; or `bare` with 1101: every subscription is gone. Held orders leave now.
    `word` `farms` or `none`: neither is said, at most that the farms are well (2104 and the like).
    """
    _check_word("restore", word)
    if gateway.faults.forget("cut") is None:
        return "there is no cut"
    gateway.outage.restore(bare, word)
    back = "Interactive Brokers is back" + (", subscriptions are gone" if bare else "")
    return back + (", and nothing is said of it" if word == TOLD_NOTHING else "")


def _check_word(verb: str, word: str) -> None:
    if word not in WORDS:
        raise FaultError(f"{verb}: word is one of {', '.join(WORDS)}")


def farm(gateway: SimulatedGateway, name: str, state: str = BROKEN, dead: YesNo = True) -> str:
    """Let a data farm (usfarm, usfuture, cashfarm, ushmds, secdefil …) be `broken`, `ok`, `inactive` or `connecting`:
    2103 to 2108, 2119, 2157, 2158. What a broken farm carries stops; `dead`: streams stay dead after it is ok.
    """
    if state == "ok":
        fault = gateway.faults.forget(f"farm {name}")
        code = gateway.farms.mend(name, dead)
        return f"{code}: {name} is ok" if fault else f"{code}: {name} was ok"
    code = gateway.farms.turn(name, state)
    return f"{code}: " + gateway.faults.begin(
        f"farm {name}", f"{name} is {state}", lambda: gateway.farms.mend(name, dead)
    )


def blip(gateway: SimulatedGateway, name: str = "usfarm", seconds: Seconds = 3.0, dead: YesNo = True) -> str:
    """Let a data farm break and be ok again so much later (2103, 2104): streams that it carried stay `dead` without
    another word, or go on.
    """
    gateway.farms.turn(name, BROKEN)
    text = f"{name} is broken"
    return gateway.faults.begin(f"farm {name}", text, lambda: gateway.farms.mend(name, dead), seconds)


def compete(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Let another session of the user take the market data: 10197 to every line, and to new requests."""
    gateway.feed.compete(True)
    return gateway.faults.begin(
        "compete", "another session has the market data", lambda: gateway.feed.compete(False), seconds
    )


def restart(
    gateway: SimulatedGateway,
    seconds: Seconds = 180.0,
    roll: Number = 0,
    settle: Seconds = 0.0,
    fragile: Seconds = 0.0,
) -> str:
    """Restart: sockets are reset, the port is closed for so long. Orders and accounts stay, clientIds are free;
    nextValidId goes back by `roll`; then new connections are met with silence for `settle`. Who greets within
    `fragile` of the opening of the port leaves the API stuck (accepted, never answered) until another restart.
    """
    gateway.drop()
    gateway.listener.restart(fragile)
    shut(gateway, "restart")

    def lift() -> None:
        gateway.ids.free()
        if roll:
            gateway.world.desk.roll_back_ids(roll)
        if settle:
            gateway.faults.do(f"silent {settle}")
        reopen(gateway, "restart")

    return gateway.faults.begin("restart", "the gateway restarts", lift, seconds)


def logout(gateway: SimulatedGateway, port: str = "closed") -> str:
    """Wait for a person to log in, as every week: sockets are reset; the port is `closed` or accepts and stays
    `silent` until `login`.
    """
    if port not in ("closed", "silent"):
        raise FaultError("logout: port is closed or silent")
    gateway.drop()
    gateway.listener.restart()
    if port == "closed":
        shut(gateway, "logout")
    else:
        gateway.faults.do("silent")

    def lift() -> None:
        gateway.ids.free()
        gateway.faults.end("silent")
        reopen(gateway, "logout")

    return gateway.faults.begin("logout", "nobody is logged in", lift)


def login(gateway: SimulatedGateway) -> str:
    """End `logout`: the gateway serves again."""
    return "logged in" if gateway.faults.end("logout") else "somebody was logged in"


def read_only(gateway: SimulatedGateway, seconds: Seconds = 0.0) -> str:
    """Let the API be read-only: requests to place, change, cancel or list orders get 321."""
    gateway.conduct.read_only = True

    def lift() -> None:
        gateway.conduct.read_only = False

    return gateway.faults.begin("read_only", "the API is read-only", lift, seconds)


def wrong_account(gateway: SimulatedGateway, *names: str) -> str:
    """Be logged in with other accounts, U7654321 if none is named: new connections are told these names."""
    gateway.conduct.accounts = names or ("U7654321",)

    def lift() -> None:
        gateway.conduct.accounts = ()

    return gateway.faults.begin("wrong_account", f"the login is {', '.join(gateway.conduct.accounts)}", lift)


ACTS = (cut, restore, farm, blip, compete, restart, logout, login, read_only, wrong_account)
