"""SIGKILL at any moment: what was acknowledged is there, whole and in order, and the file opens again; what has left
the journal is in an archive.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

KILLS = 40


def test_what_was_acknowledged_survives_kills_at_random_moments(path: Path) -> None:
    seed = int(os.environ.get("IBMUX_SEED", "20260221"))
    print(f"IBMUX_SEED={seed}")  # noqa: T201
    command = [
        sys.executable,
        str(Path(__file__).with_name("journal_child.py")),
        str(path.parent),
        str(seed),
        str(KILLS),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=220, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == [], done.stderr
    assert found["acknowledged"] >= KILLS / 2
    assert found["archives"] > 0
