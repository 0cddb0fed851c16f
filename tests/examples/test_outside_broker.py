"""The access rules that docs/configuration.md gives for mosquitto are enough, and no more than enough."""

import asyncio
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ibmux.config import build
from ibmux.daemon import Proxy
from ibmux.sim import Settings, SimulatedGateway

from .conftest import EXAMPLES, PATIENCE, ROLES, Stage, ended

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def listens(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[int]:
    if MOSQUITTO is None:
        pytest.skip("LEFT OUT: mosquitto is not installed, so its access rules were not tried")
    document = (EXAMPLES.parent / "docs" / "configuration.md").read_text()
    rules = re.search(r"^```\n(user ibmux\n.*?)^```", document, re.MULTILINE | re.DOTALL)
    assert rules is not None
    port = free_port()
    (tmp_path / "rules").write_text(rules.group(1))
    settings = f"listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {tmp_path / 'rules'}\nset_tcp_nodelay true\n"
    (tmp_path / "mosquitto.conf").write_text(settings)
    tmp_path.chmod(0o755)
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        MOSQUITTO, "-c", str(tmp_path / "mosquitto.conf"), stdout=quiet, stderr=quiet
    )
    async with ended(process):
        async with asyncio.timeout(PATIENCE):
            await listens(port)
        yield port


@pytest.fixture
async def joined(broker: int) -> AsyncIterator[Stage]:
    """The proxy at the broker, as the user `ibmux`."""
    async with SimulatedGateway(Settings(linger=0)) as gateway:
        url = f"mqtt://127.0.0.1:{broker}"
        tree = {
            "gateways": {"paper": {"port": gateway.port}},
            "mqtt": {"url": url, "username": "ibmux"},
            "http": {"port": 0},
            "scripts": ROLES,
        }
        proxy = Proxy(build(tree, "the test"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(proxy.run())
            async with asyncio.timeout(PATIENCE):
                await proxy.started.wait()
                session = proxy.gateways["paper"].session
                await session.until_ready(asyncio.get_running_loop().time() + PATIENCE)
            try:
                yield Stage(proxy, gateway, {"IBMUX_URL": url})
            finally:
                proxy.stop()


async def test_a_script_works_through_the_broker(joined: Stage) -> None:
    done = await joined.python("closing.py")
    assert (done.code, done.errors) == (0, "")
    assert len(done.lines) == joined.gateway.stats.orders_placed > 1


@pytest.mark.parametrize(("user", "placed"), [("plain", 1), ("reader", 0)])
async def test_a_script_speaks_under_its_own_name_only(
    joined: Stage, broker: int, tmp_path: Path, user: str, placed: int
) -> None:
    """The requests of `plain`, once as its own and once as somebody else: those reach nobody."""
    text = (EXAMPLES / "aiomqtt_msgpack.py").read_text()
    script = tmp_path / "script.py"
    script.write_text(
        text.replace('identifier="plain"', f'username="{user}", identifier="{user}"').replace(
            "await anext(mqtt.messages)", "await asyncio.wait_for(anext(mqtt.messages), 2)"
        )
    )
    done = await joined.run(sys.executable, str(script), str(broker))
    assert done.code == 1 - placed
    assert ("TimeoutError" in done.errors) == (not placed)
    assert joined.gateway.stats.orders_placed == placed
