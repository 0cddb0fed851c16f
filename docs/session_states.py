"""The table and the picture of a session's states in docs/sessions.md, from the code that decides and words them.

    python docs/session_states.py states     the table of states
    python docs/session_states.py events     the table of events
    python docs/session_states.py picture    docs/session.svg

Only the places on the picture are written here; a transition without a place is an error.
"""

import inspect
import re
import sys
from itertools import groupby

from ibmux.config import GatewaySettings
from ibmux.core import machine, verdicts
from ibmux.places import Endpoint
from ibmux.session import wording

LINKED = ("connecting", "syncing", "ready", "cut")
"""The states with a socket."""
PAUSED = ("waiting", "standby")
GROUPS = {"linked": LINKED, "paused": PAUSED}
EVERYWHERE = "drain"

NODES = {
    "stopped": (150, 40), "draining": (820, 40), "connecting": (150, 150), "syncing": (470, 150), "ready": (820, 150),
    "cut": (820, 262), "waiting": (150, 420), "standby": (400, 420), "parked": (820, 420),
}  # fmt: skip
FRAMES = {"linked": (62, 86, 856, 230, "a socket is open"), "paused": (62, 378, 436, 84, "a pause")}
"""Left, top, width, height, and what they have in common."""
ARROWS: dict[tuple[str, str], tuple[str, int, int, str]] = {
    ("stopped", "connecting"): ("M120,60 V128", 112, 112, "end"),
    ("draining", "stopped"): ("M758,40 H214", 470, 32, "middle"),
    ("connecting", "syncing"): ("M212,150 H406", 306, 142, "middle"),
    ("syncing", "ready"): ("M532,142 H756", 644, 134, "middle"),
    ("ready", "syncing"): ("M758,158 H534", 644, 175, "middle"),
    ("ready", "connecting"): ("M820,130 V106 H180 V128", 470, 100, "middle"),
    ("ready", "cut"): ("M820,170 V240", 828, 210, "start"),
    ("cut", "syncing"): ("M758,252 C620,252 500,230 490,172", 640, 226, "middle"),
    ("syncing", "cut"): ("M450,170 C455,262 620,268 756,268", 560, 270, "middle"),
    ("cut", "connecting"): ("M800,282 C740,300 260,310 200,172", 600, 309, "middle"),
    ("connecting", "waiting"): ("M120,170 V398", 112, 345, "end"),
    ("waiting", "connecting"): ("M150,400 V172", 158, 345, "start"),
    ("connecting", "standby"): ("M186,170 C190,290 400,240 400,398", 408, 352, "start"),
    ("linked", "waiting"): ("M225,316 C225,345 195,350 190,398", 232, 345, "start"),
    ("linked", "parked"): ("M820,316 V398", 828, 356, "start"),
    ("paused", "connecting"): ("M62,420 H36 V158 H86", 42, 372, "start"),
    ("paused", "parked"): ("M498,420 H756", 628, 412, "middle"),
    ("parked", "connecting"): ("M820,440 V486 H18 V142 H86", 470, 480, "middle"),
}
"""From where to where: the line, and the place and anchor of its label."""
STYLE = """
    .paper { fill: #ffffff } .box { fill: #eef2f7; stroke: #5b6b7f } .good { fill: #dff3e3; stroke: #2f7d43 }
    .frame { fill: none; stroke: #9aa7b5; stroke-dasharray: 5 4 } .line { fill: none; stroke: #5b6b7f }
    .head { fill: #5b6b7f } text { font: 14px ui-sans-serif, Helvetica, Arial, DejaVu Sans, sans-serif; fill: #1d2733 }
    .event { font-size: 12.5px; fill: #45566b } .note { font-size: 12px; font-style: italic; fill: #6b7a8c }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0d1117 } .box { fill: #1b2430; stroke: #8fa3ba } .good { fill: #16341f; stroke: #58b871 }
      .frame { stroke: #4d5c6e } .line { stroke: #8fa3ba } .head { fill: #8fa3ba } text { fill: #e3eaf2 }
      .event { fill: #b4c3d4 } .note { fill: #8a9bb0 }
    }"""


def arrows() -> dict[tuple[str, str], list[str]]:
    """The events that lead from one state to another; what all states of a group share leads from the group."""
    found: dict[tuple[str, str], list[str]] = {}
    moves = {(state, event): step.state for state, row in machine.TABLE.items() for event, step in row.items()}
    for (state, event), target in moves.items():
        group = next((name for name, members in GROUPS.items() if state in members), "")
        shared = group and {moves.get((each, event)) for each in GROUPS[group]} == {target}
        source = group if shared else state
        if event != EVERYWHERE and source != target and event not in found.setdefault((source, target), []):
            found[source, target].append(event)
    return {pair: events for pair, events in found.items() if events}


def picture() -> str:
    """The states as an SVG for light and dark pages."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 506" role="img" aria-label="the states of a session"',
        ">",
        f"  <style>{STYLE}\n  </style>",
        '  <defs><marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path class="head" d="M0,0 L10,5 L0,10 z"/></marker></defs>',
        '  <rect class="paper" width="960" height="506" rx="8"/>',
    ]
    for left, top, width, height, what in FRAMES.values():
        parts.append(f'  <rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}" rx="10"/>')
        parts.append(
            f'  <text class="note" x="{left + width - 8}" y="{top + height - 8}" text-anchor="end">{what}</text>'
        )
    for pair, events in arrows().items():
        line, x, y, anchor = ARROWS[pair]
        parts.append(f'  <path class="line" d="{line}" marker-end="url(#head)"/>')
        parts.append(f'  <text class="event" x="{x}" y="{y}" text-anchor="{anchor}">{", ".join(events)}</text>')
    parts.append(f'  <text class="event" x="820" y="76" text-anchor="middle">{EVERYWHERE}, from every state</text>')
    for state in machine.STATES:
        x, y = NODES[state]
        kind = "good" if state == "ready" else "box"
        parts.append(f'  <rect class="{kind}" x="{x - 62}" y="{y - 20}" width="124" height="40" rx="8"/>')
        parts.append(f'  <text x="{x}" y="{y + 5}" text-anchor="middle">{state}</text>')
    return "\n".join([*parts, "</svg>\n"])


def states() -> str:
    """What `ibmux status` says of each state while it knows nothing more particular."""
    settings, place = GatewaySettings(name="paper"), Endpoint("127.0.0.1", 4002)
    rows = [(f"`{state}`", wording.words(state, settings, place)) for state in machine.STATES]
    absent = verdicts.absent(str(place), "Connection refused")
    knocking = wording.words("waiting", settings, place, knocking=True)
    rows.insert(5, ("`waiting`, nobody listens", knocking._replace(reason=absent.reason, advice=absent.advice)))
    rows.insert(1, ("`connecting`, settling", wording.settling(settings, place)))
    return table(
        ("state", "what is the case", "what ibmux does", "what you could do"), [(name, *w) for name, w in rows]
    )


def events() -> str:
    """The events, and where each leads."""
    said = dict(re.findall(r'^    "(\w+)",  # (.+)$', inspect.getsource(machine), re.MULTILINE))
    rows = []
    for event in machine.EVENTS:
        moves = [(state, row[event].state) for state, row in machine.TABLE.items() if event in row]
        moves.sort(key=lambda move: machine.STATES.index(move[1]))
        places = [
            f"{', '.join(f'`{state}`' for state, _ in each)} → `{target}`"
            for target, each in groupby(moves, key=lambda move: move[1])
        ]
        rows.append((f"`{event}`", said[event], "; ".join(places)))
    return table(("event", "what happened", "from → to"), rows)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write({"states": states, "events": events, "picture": picture}[sys.argv[1]]())
