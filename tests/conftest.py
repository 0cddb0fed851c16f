"""For all tests: child processes hear an interrupt, also where the tests run in the background; runs are repeatable.

What hypothesis draws is the same in every run, unless `IBMUX_HYPOTHESIS=random` asks for something new; how long an
example takes is no failure, as that is the machine's affair.
"""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", BUSY, derandomize=True)
settings.register_profile("random", BUSY, print_blob=True)
settings.load_profile(os.environ.get("IBMUX_HYPOTHESIS", "repeatable"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what is put behind `&`
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def state_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Proxies that are told nothing else keep their journal in a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
