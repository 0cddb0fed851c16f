"""The access rules that docs/configuration.md gives for mosquitto are enough, and no more than enough."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ports import free_port

from .conftest import EXAMPLES, PATIENCE, Stage, ended, staged

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")


async def listens(port: int, process: asyncio.subprocess.Process) -> None:
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return
    raise AssertionError(f"mosquitto ended with {process.returncode}")


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[int]:
    if MOSQUITTO is None:
        pytest.skip("LEFT OUT: mosquitto is not installed, so its access rules were not tried")
    document = (EXAMPLES.parent / "docs" / "configuration.md").read_text()
    rules = re.search(r"^```\n(user ibmux\n.*?)^```", document, re.MULTILINE | re.DOTALL)
    assert rules is not None
    port = free_port()
    (tmp_path / "rules").write_text(rules.group(1))
    # As root it would change to a user who cannot read the folder of the test.
    settings = f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nacl_file {tmp_path / 'rules'}\n"
    (tmp_path / "mosquitto.conf").write_text(settings)
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        MOSQUITTO, "-c", str(tmp_path / "mosquitto.conf"), stdout=quiet, stderr=quiet
    )
    async with ended(process):
        async with asyncio.timeout(PATIENCE):
            await listens(port, process)
        yield port


@pytest.fixture
async def joined(broker: int) -> AsyncIterator[Stage]:
    """The proxy at the broker, as the user `ibmux`."""
    async with staged({"url": f"mqtt://127.0.0.1:{broker}", "username": "ibmux"}, broker) as stage:
        yield stage


async def test_a_script_works_through_the_broker(joined: Stage) -> None:
    done = await joined.python("closing.py")
    assert (done.code, done.errors) == (0, "")
    assert len(done.lines) == joined.gateway.stats.orders_placed > 1


@pytest.mark.parametrize(("user", "placed"), [("plain", 1), ("reader", 0)])
async def test_a_script_speaks_under_its_own_name_only(joined: Stage, tmp_path: Path, user: str, placed: int) -> None:
    """The requests of `plain`, once as its own and once as somebody else: those reach nobody."""
    text = (EXAMPLES / "aiomqtt_msgpack.py").read_text()
    script = tmp_path / "script.py"
    script.write_text(
        text.replace('identifier="plain"', f'username="{user}", identifier="{user}"').replace(
            "await anext(mqtt.messages)", f"await asyncio.wait_for(anext(mqtt.messages), {30 if placed else 2})"
        )
    )
    done = await joined.run(sys.executable, str(script), str(joined.port))
    assert done.code == 1 - placed
    assert ("TimeoutError" in done.errors) == (not placed)
    assert joined.gateway.stats.orders_placed == placed
