"""The way of a tick alone: `python bench/ticks.py --scripts 16 --rate 5000`; with `--profile FOLDER` py-spy watches the
proxy and one script and leaves folded stacks there, and what is on top of them is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from figures import milliseconds, percentile, table
from fleet import Process, Stack

SHOWN = 25


@asynccontextmanager
async def watched(processes: dict[str, Process], folder: Path | None, seconds: float) -> AsyncIterator[None]:
    """Sample these processes meanwhile, if a folder is given."""
    if folder is None:
        yield
        return
    spy = shutil.which("py-spy")
    if spy is None:
        raise SystemExit("--profile needs py-spy: pip install py-spy")
    samplers = [
        await asyncio.create_subprocess_exec(
            spy, "record", "-p", str(process.process.pid), "-d", str(max(1, round(seconds))), "-r", "400", "-f", "raw",
            "-o", str(folder / f"{name}.txt"), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )
        for name, process in processes.items()
    ]  # fmt: skip
    yield
    await asyncio.gather(*(sampler.wait() for sampler in samplers))
    for name in processes:
        print(f"\n{name}: own time by function, then time with what it calls")
        print(summary(folder / f"{name}.txt"))


def summary(path: Path) -> str:
    """The functions that most samples were in."""
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        within.update(dict.fromkeys(frames, int(count)))
    total = sum(own.values()) or 1
    columns = zip(own.most_common(SHOWN), within.most_common(SHOWN), strict=False)
    return "\n".join(
        f"{a_count / total:6.1%} {a[:58]:58}  {b_count / total:6.1%} {b[:58]}" for (a, a_count), (b, b_count) in columns
    )


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One stack, one stretch of ticks."""
    async with Stack(options.way, tcp=options.tcp, gather=options.gather) as stack:
        await asyncio.gather(*(stack.add_script() for _ in range(options.scripts)))
        await stack.subscribe(options.symbols)
        await stack.stream(options.rate, 0.5)
        processes = {"script": stack.scripts[0], **({"proxy": stack.proxy} if stack.proxy else {})}
        async with watched(processes, options.profile, options.seconds):
            result = await stack.stream(options.rate, options.seconds)
        if stack.proxy is not None:
            result["proxy"] = await stack.proxy.ask(do="look")
    return result


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=["ibmux", "direct"], default="ibmux")
    parser.add_argument("--scripts", type=int, default=16)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--rate", type=float, default=5000.0, help="ticks a second to each script")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--tcp", action="store_true", help="scripts use TCP instead of the proxy's Unix socket")
    parser.add_argument("--gather", type=float, help="seconds: [mqtt] gather of the proxy, if not its default")
    parser.add_argument("--profile", type=Path, help="folder for py-spy's folded stacks")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.profile is not None:
        options.profile.mkdir(parents=True, exist_ok=True)
    result = asyncio.run(measure(options))
    latencies = [value / 1e6 for value in result.pop("latencies")]
    shares = {
        f"latency p{share * 100:g}": milliseconds(percentile(latencies, share)) for share in (0.5, 0.9, 0.99, 0.999, 1)
    }
    if options.json:
        print(json.dumps({**result, **shares}))
        return
    seconds, cpu, proxy = result["seconds"], result["cpu"], result["cpu_proxy"]
    each = (cpu - proxy) / seconds / options.scripts
    rows = [
        ("bid-size ticks sent, all scripts' losses", f"{result['sent']}, {sum(result['lost'])}"),
        ("ticks/s that a script saw", f"{result['ticks']:.0f}"),
        *shares.items(),
        ("CPU s per second: all, proxy, one script", f"{cpu / seconds:.3f}, {proxy / seconds:.3f}, {each:.4f}"),
        ("CPU µs per tick and script", f"{each / max(1.0, result['ticks']) * 1e6:.1f}"),
        ("proxy", str(result.get("proxy", "-"))),
    ]
    print(table(f"{options.way}: {options.scripts} scripts, {options.rate:.0f} ticks/s each", ("", ""), rows))


if __name__ == "__main__":
    main()
