"""A person keeps a session away from its gateway, and lets it come back; nobody else may."""

from __future__ import annotations

from stage import RawScript, raw_script, running_proxy, settings, until, url_of

from ibmux.sim import Settings, SimulatedGateway


async def state(script: RawScript) -> tuple[str, str]:
    """The state and its reason, as everybody may ask."""
    (status,) = (await script.ask("status", {})).payload["gateways"]
    return status["state"], status["reason"]


async def test_an_admin_parks_the_session_and_lets_it_go_on() -> None:
    async with SimulatedGateway(Settings(linger=0.0)) as simulator:
        config = settings(simulator.port, scripts={"operator": {"role": "admin"}})
        async with running_proxy(config) as proxy, raw_script(url_of(proxy), "operator") as operator:
            refused = await operator.ask("unpark", {})
            assert refused.payload["message"] == "paper is ready: it is neither parked nor waiting."
            assert (await operator.ask("park", {"reason": "Maintenance until nine."})).payload["state"] == "parked"
            await until(lambda: simulator.stats.connections == 0, "the socket is closed")
            async with raw_script(url_of(proxy), "ann") as ann:
                assert await state(ann) == ("parked", "Maintenance until nine.")
                turned_away = await ann.ask("positions", {})
                assert turned_away.code == "gateway.not_ready"
                assert "Maintenance until nine." in turned_away.payload["message"]
                assert (await ann.ask("unpark", {})).code == "auth.forbidden"
            assert (await operator.ask("unpark", {})).payload["state"] == "connecting"
            await until(lambda: proxy.gateways["paper"].session.state == "ready", "the session is back")
            assert simulator.stats.connections_ever == 2
