"""Every fault by its name: `VERBS`. One module per kind of fault; each verb is a function with a sentence of help."""

from __future__ import annotations

from ibmux.sim.faults.verbs import connections, control, market, messages, orders, session
from ibmux.sim.faults.verbs.kind import FaultError, Verb, make_verb

__all__ = ["GROUPS", "VERBS", "FaultError", "Verb", "as_table"]

GROUPS = {
    "Connections": connections.ACTS,
    "Session": session.ACTS,
    "Messages": messages.ACTS,
    "Orders": orders.ACTS,
    "Market": market.ACTS,
    "Control": control.ACTS,
}

VERBS: dict[str, Verb] = {
    verb.name: verb for group, acts in GROUPS.items() for verb in (make_verb(act, group) for act in acts)
}


def as_table() -> str:
    """All verbs as tables in Markdown, one for each group."""
    parts = []
    for group in GROUPS:
        rows = [f"| `{verb.usage}` | {verb.help} |" for verb in VERBS.values() if verb.group == group]
        parts.append("\n".join([f"**{group}**", "", "| fault | what it does |", "| --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"
