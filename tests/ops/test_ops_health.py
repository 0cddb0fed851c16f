"""Alive and ready: the decisions, and the lag that they rest on."""

from __future__ import annotations

import asyncio
import time

import pytest

from ibmux.messages.session import GatewayStatus, ProxyReport, State
from ibmux.ops.health import LATE, STALE, Checks, liveness, readiness
from ibmux.ops.lag import LoopLag


def status(gateway: str, state: State, reason: str = "") -> GatewayStatus:
    return GatewayStatus(gateway=gateway, state=state, reason=reason, since=0.0, epoch=1)


class TestLiveness:
    def test_alive_while_the_loop_is_sampled_in_time(self) -> None:
        assert liveness(100.0, 99.0, 0.001).ok
        assert liveness(100.0, None, 0.0).ok, "the first sample has not been due yet"

    def test_a_silent_watcher_is_a_dead_process(self) -> None:
        verdict = liveness(100.0 + STALE + 1, 100.0, 0.0)
        assert not verdict.ok
        assert "silent for 16 s" in verdict.reasons[0]

    def test_a_loop_that_runs_late_serves_nobody(self) -> None:
        assert liveness(100.0, 99.0, LATE).ok
        assert "late" in liveness(100.0, 99.0, LATE + 0.1).reasons[0]


class TestReadiness:
    def test_ready_when_all_is_well(self) -> None:
        verdict = readiness("online", True, [status("paper", "ready"), status("live", "ready")], {})
        assert verdict.ok
        assert verdict.reasons == ()

    @pytest.mark.parametrize("state", ["connecting", "syncing", "cut", "waiting", "standby", "parked", "stopped"])
    def test_each_state_but_ready_is_told_with_its_reason(self, state: State) -> None:
        verdict = readiness("online", True, [status("paper", state, "because")], {})
        assert verdict.reasons == (f"gateway paper is {state}: because",)

    def test_a_gateway_that_is_not_required_does_not_count(self) -> None:
        gateways = [status("paper", "waiting"), status("live", "ready")]
        assert readiness("online", True, gateways, {"paper": False}).ok
        assert not readiness("online", True, gateways, {"live": False}).ok

    def test_one_gateway_can_be_asked_for(self) -> None:
        gateways = [status("paper", "waiting"), status("live", "ready")]
        assert readiness("online", True, gateways, {}, "live").ok
        assert not readiness("online", True, gateways, {"paper": False}, "paper").ok
        assert readiness("online", True, gateways, {}, "other").reasons == ("there is no gateway other",)

    def test_every_reason_is_told(self) -> None:
        verdict = readiness("draining", False, [status("paper", "cut", "1100")], {})
        assert verdict.reasons == ("the proxy is draining", "the MQTT door is closed", "gateway paper is cut: 1100")
        assert verdict.to_wire() == {"ok": False, "reasons": list(verdict.reasons)}


class TestLag:
    async def test_a_blocked_loop_is_measured(self) -> None:
        seen: asyncio.Queue[float] = asyncio.Queue()
        lag = LoopLag(seen.put_nowait)
        watching = asyncio.create_task(lag.watch(0.01))
        await seen.get()
        await asyncio.sleep(0)  # the next sample's timer runs from here
        time.sleep(0.1)  # noqa: ASYNC251 - the block is what is measured
        late = await seen.get()
        watching.cancel()
        assert late > 0.05
        assert lag.worst >= late * 0.9
        assert "worst" in repr(lag)

    async def test_the_worst_fades(self) -> None:
        lag = LoopLag()
        lag.sample(1.0, 0.0)
        for second in range(20):
            lag.sample(0.0, float(second))
        assert lag.last == 0.0
        assert 0.1 < lag.worst < 0.2

    async def test_checks_ask_the_running_proxy(self) -> None:
        report = ProxyReport("1", 0.0, "online", [status("paper", "waiting", "later")], [], {})
        checks = Checks(lambda: report, LoopLag(), required={"paper": True})
        assert checks.live().ok
        assert checks.ready().reasons == ("gateway paper is waiting: later",)
        report.gateways[0].state = "ready"
        assert checks.ready().ok
        assert checks.ready("paper").ok
