"""`ibmux doctor`: reads the whole set-up, never a gateway's port, and says what is wrong with it and what to do.

`gathering` and `filing` read facts, `machine`, `gateways`, `proxies` and `journals` judge them; here they are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from ibmux.cli import screen
from ibmux.cli.doctor import gateways, journals, machine, proxies
from ibmux.cli.doctor.facts import Facts
from ibmux.cli.doctor.findings import Finding, Level
from ibmux.cli.doctor.gathering import gather
from ibmux.cli.exits import Exit
from ibmux.cli.options import PROXY, Proxy

COLOURS: dict[Level, str] = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "bold red"}


async def doctor(*, proxy: Proxy = PROXY) -> int:
    """Look at the whole set-up: settings, ports, sockets, locks, the proxy and its sessions, clocks, limits.

    It opens no connection to a gateway. Exit code 0 if there is no problem, 1 if there is.
    """
    findings = judge(await gather(proxy))
    if proxy.json:
        screen.emit({"findings": findings, "counts": _counts(findings)})
    else:
        screen.out.print(_table(findings))
        screen.out.print(_summary(findings))
    return Exit.FAILED if any(each.level == "problem" for each in findings) else Exit.OK


def judge(facts: Facts) -> list[Finding]:
    """Every finding about these facts."""
    return [*machine.judge(facts), *gateways.judge(facts), *proxies.judge(facts), *journals.judge(facts)]


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    counted = Counter(each.level for each in findings)
    return {level: counted[level] for level in COLOURS}


def _table(findings: Sequence[Finding]) -> Table:
    made = Table.grid(padding=(0, 2))
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for each in findings:
        said = Text(each.text)
        if each.remedy:
            said.append(f"\n\N{RIGHTWARDS ARROW} {each.remedy}", "bold" if each.level == "problem" else "")
        made.add_row(Text(each.level, COLOURS[each.level]), each.subject, said)
    return made


def _summary(findings: Sequence[Finding]) -> Text:
    counts = _counts(findings)
    problems, warnings = counts["problem"], counts["warning"]
    if not problems and not warnings:
        return Text("Nothing is wrong.", "green")
    words = [
        f"{count} {name}{'s' if count > 1 else ''}"
        for name, count in counts.items()
        if count and name in ("problem", "warning")
    ]
    return Text(f"{' and '.join(reversed(words))}.", COLOURS["problem"] if problems else COLOURS["warning"])
