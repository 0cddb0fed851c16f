"""The table of verbs and the one exit for their errors. Each verb's module is imported only when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter

import ibmux
from ibmux.cli.exits import Exit, exit_for
from ibmux.core.verdicts import CheckExit
from ibmux.errors import IbmuxError

VERBS = (
    ("serve", "ibmux.cli.serving:serve", "Run the proxy."),
    ("demo", "ibmux.cli.serving:demo", "Simulated gateway, proxy and four scripts, for a look at it all."),
    ("sim", "ibmux.cli.simulating:sim", "Run a simulated gateway."),
    ("fault", "ibmux.cli.simulating:fault", "Cause a fault in a simulated gateway: cut 30, help …"),
    ("check", "ibmux.cli.checking:check", "Can a session be held with this gateway? Six timed steps."),
    ("doctor", "ibmux.cli.doctor:doctor", "The whole set-up: what is wrong with it, and what to do."),
    ("status", "ibmux.cli.asking:status", "The proxy, its sessions, and what is shared."),
    ("scripts", "ibmux.cli.asking:scripts", "The scripts that are connected."),
    ("positions", "ibmux.cli.asking:positions", "Holdings of all accounts, or of one."),
    ("orders", "ibmux.cli.asking:orders", "Open orders of all scripts."),
    ("watch", "ibmux.cli.watching:watch", "Live quotes: AAPL EURUSD ES …"),
    ("journal", "ibmux.cli.journalling:journal", "The record of every order: list, verify, export."),
    ("flatten", "ibmux.cli.flattening:flatten", "Cancel every order, close every position, and make sure of it."),
    ("park", "ibmux.cli.asking:park", "Stay away from a gateway until unpark."),
    ("unpark", "ibmux.cli.asking:unpark", "Connect a gateway now: ends parking and any pause."),
    ("halt", "ibmux.cli.halting:halt", "Stop new orders at once, until resume; cancels pass."),
    ("resume", "ibmux.cli.halting:resume", "Let orders pass again, when a person has seen why they were halted."),
    ("call", "ibmux.cli.calling:call", "Any method of the API: METHOD key=value …"),
    ("healthcheck", "ibmux.cli.asking:healthcheck", "Ask the proxy's HTTP door whether it lives (for containers)."),
)

_EXITS = (
    "Exit codes: 0 done, 1 an error of the proxy or the gateway, 2 wrong arguments, 3 no proxy answers, 4 the session "
    "is not ready, 5 name or token refused, 130 interrupted; those of `check` are in its help."
)


def build(chosen: str = "") -> App:
    """The application with every verb; the `chosen` one is imported, for the whole text of its help."""
    app = App(
        name="ibmux",
        help="One Interactive Brokers session, every script.",
        help_epilogue=_EXITS,
        version=lambda: f"ibmux {ibmux.__version__}",
        suppress_keyboard_interrupt=False,
        result_action="return_value",
        default_parameter=Parameter(negative=(), show_default=_default),
    )
    for order, (name, place, text) in enumerate(VERBS):
        if name == chosen:
            app.command(place, name=name, sort_key=order, help_epilogue="" if name == "check" else _EXITS)
        else:
            app.command(place, name=name, help=text, sort_key=order)
    return app


def _default(value: Any) -> str | None:
    """How a default is shown: not at all where it says nothing."""
    return None if value is None or value is False or value in ("", ()) else str(value)


def run(arguments: Sequence[str]) -> int:
    """Run one verb; every error ends here, as a sentence on standard error and an exit code."""
    from ibmux.cli import screen  # noqa: PLC0415 - rich is needed only now

    try:
        code = build(arguments[0] if arguments else "")(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        screen.fail(_in_words(error), "`ibmux --help` lists the verbs, `ibmux VERB --help` their options.")
        return CheckExit.USAGE if arguments[:1] == ["check"] else Exit.USAGE
    except IbmuxError as error:
        screen.fail(error.message, error.advice)
        return exit_for(error)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (`| head`) has seen enough.
        screen.forget_output()
        return Exit.OK
    return int(code or 0)


def _in_words(error: CycloptsError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines) or type(error).__name__
