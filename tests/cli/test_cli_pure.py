"""What the command decides without a proxy: symbols, arguments, exit codes, the look of numbers; what it imports."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from math import nan

import pytest
from rich.console import Console

from ibmux import errors
from ibmux.cli import screen, symbols, tables
from ibmux.cli.calling import arrange
from ibmux.cli.exits import Exit, exit_for
from ibmux.cli.watching import Board
from ibmux.client.ticker import Ticker
from ibmux.core.verdicts import CheckExit
from ibmux.errors import AmbiguousContract, IbmuxError, RequestError, UnknownContract
from ibmux.messages.contracts import Contract, ContractDetails
from ibmux.messages.orders import Order
from ibmux.messages.session import GatewayStatus, JournalInfo, ProxyReport, ScriptInfo, SharingInfo
from ibmux.messages.trades import OrderStatus, Trade


class TestSymbols:
    @pytest.mark.parametrize(
        ("text", "kind", "symbol", "exchange", "currency"),
        [
            ("AAPL", "STK", "AAPL", "SMART", "USD"),
            ("aapl", "STK", "AAPL", "SMART", "USD"),
            ("EURUSD", "CASH", "EUR", "IDEALPRO", "USD"),
            ("EUR.USD", "CASH", "EUR", "IDEALPRO", "USD"),
            ("USD/JPY", "CASH", "USD", "IDEALPRO", "JPY"),
            ("ES", "FUT", "ES", "CME", "USD"),
            ("STK:ES", "STK", "ES", "SMART", "USD"),
            ("FUT:CL", "FUT", "CL", "NYMEX", "USD"),
            ("SPX", "IND", "SPX", "CBOE", ""),
        ],
    )
    def test_what_a_person_types(self, text: str, kind: str, symbol: str, exchange: str, currency: str) -> None:
        found = symbols.read(text)
        assert (found.secType, found.symbol, found.exchange, found.currency) == (kind, symbol, exchange, currency)

    def test_an_option_and_a_number(self) -> None:
        option = symbols.read("aapl 20251219 190.5 put")
        assert (option.secType, option.strike, option.right) == ("OPT", 190.5, "P")
        assert option.lastTradeDateOrContractMonth == "20251219"
        assert symbols.read("265598") == Contract(conId=265598)

    @pytest.mark.parametrize("text", ["", "  ", "STK:", "BOX:AAPL", "OPT:AAPL", "AAPL 20251219 x C"])
    def test_nonsense_is_refused(self, text: str) -> None:
        with pytest.raises(RequestError):
            symbols.read(text)

    def test_of_a_future_the_first_month_is_meant(self) -> None:
        months = ["20270319", "20261218", "20270618"]
        found = [
            ContractDetails(contract=Contract(secType="FUT", conId=number, lastTradeDateOrContractMonth=month))
            for number, month in enumerate(months)
        ]
        assert symbols.choose("ES", found).conId == 1

    def test_none_and_several_are_errors(self) -> None:
        with pytest.raises(UnknownContract, match="XYZ"):
            symbols.choose("XYZ", [])
        twice = [ContractDetails(contract=Contract(secType="STK", symbol="A", conId=number)) for number in (1, 2)]
        with pytest.raises(AmbiguousContract):
            symbols.choose("A", twice)
        assert symbols.choose("A", [twice[0], twice[0]]).conId == 1


class TestArguments:
    def test_values_are_json_or_text(self) -> None:
        texts = ["a=5", "b=x", 'c="5"', "d=true", "e=[1,2]", "f=", "g=a=b", "h=null"]
        assert arrange(texts) == {
            "a": 5, "b": "x", "c": "5", "d": True, "e": [1, 2], "f": "", "g": "a=b", "h": None
        }  # fmt: skip

    def test_dots_make_tables(self) -> None:
        texts = ["contract.symbol=AAPL", "contract.strike=5", "order.action=BUY"]
        assert arrange(texts) == {"contract": {"symbol": "AAPL", "strike": 5}, "order": {"action": "BUY"}}

    @pytest.mark.parametrize("texts", [["a"], ["=5"], ["a=1", "a.b=2"]])
    def test_nonsense_is_refused(self, texts: list[str]) -> None:
        with pytest.raises(RequestError):
            arrange(texts)


class TestExits:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (errors.ConfigError, Exit.USAGE),
            (errors.RequestError, Exit.USAGE),
            (errors.UnknownMethod, Exit.USAGE),
            (errors.UnknownGateway, Exit.USAGE),
            (errors.AmbiguousContract, Exit.FAILED),
            (errors.KeyConflict, Exit.FAILED),
            (errors.Unreachable, Exit.UNREACHABLE),
            (errors.ConnectionLost, Exit.UNREACHABLE),
            (errors.Draining, Exit.UNREACHABLE),
            (errors.NotReady, Exit.NOT_READY),
            (errors.Refused, Exit.REFUSED),
            (errors.OrderRejected, Exit.FAILED),
            (errors.GatewayError, Exit.FAILED),
        ],
    )
    def test_each_error_has_its_code(self, error: type[IbmuxError], code: Exit) -> None:
        assert exit_for(error("why")) is code

    def test_codes_differ_and_check_has_its_own_table(self) -> None:
        assert [int(code) for code in Exit] == [0, 1, 2, 3, 4, 5, 130]
        assert [int(code) for code in CheckExit] == [0, 1, 2, 3, 4, 5, 6, 64]


class TestLook:
    @pytest.mark.parametrize(
        ("value", "text"), [(309.5, "309.50"), (1.10045, "1.10045"), (7105.0, "7,105.00"), (nan, ""), (None, "")]
    )
    def test_prices(self, value: float | None, text: str) -> None:
        assert screen.price(value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [(100, "100"), (9_950, "9,950"), (12_500, "12.5k"), (4_664_300, "4.66M"), (3e9, "3G"), (nan, "")],
    )
    def test_sizes(self, value: float, text: str) -> None:
        assert screen.compact(value) == text

    @pytest.mark.parametrize(("value", "text"), [(100.0, "100"), (-2.5, "-2.5"), (0.1234, "0.1234")])
    def test_quantities(self, value: float, text: str) -> None:
        assert screen.quantity(value) == text

    @pytest.mark.parametrize(("ago", "text"), [(5, "5 s"), (600, "10 min"), (7200, "2 h"), (864_000, "10 days")])
    def test_ages(self, monkeypatch: pytest.MonkeyPatch, ago: float, text: str) -> None:
        monkeypatch.setattr("ibmux.cli.screen.time.time", lambda: 1e9)
        assert screen.since(1e9 - ago) == text

    def test_a_report_fits_a_small_terminal(self) -> None:
        gateway = GatewayStatus(
            "paper", "waiting", "The connection was refused.", 0.0, 2, farms={"a": True, "b": False}
        )
        script = ScriptInfo("trader", "1234-abcdef", "trade", 0.0, "unix", 1234, 50, 7)
        report = ProxyReport("0.1.0", 0.0, "online", [gateway], [script], {"paper": SharingInfo(21, 7, 100, 5000, 900)})
        console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        console.print(tables.status(report))
        text = console.export_text()
        console.file.close()
        for word in ("waiting", "b down", "The connection was refused.", "trader", "1,234", "21", "5,000"):
            assert word in text
        assert max(map(len, text.splitlines())) <= 100

    def test_a_journal_in_trouble_is_told(self) -> None:
        report = ProxyReport("0.1.0", 0.0, "online", [], [], {}, JournalInfo("/j", 5, 3, "The disk is full."))
        console = Console(width=100, record=True, file=io.StringIO())
        console.print(tables.status(report))
        text = " ".join(console.export_text().split())
        assert "journal The disk is full. New orders are refused, cancels pass. Not on disk yet: 3 records." in text
        report.journal = JournalInfo("/j", 5)
        console.print(tables.status(report))
        assert "journal" not in console.export_text()

    @pytest.mark.parametrize("width", [80, 120])
    def test_gateways_fit_without_a_broken_word(self, width: int) -> None:
        gateway = GatewayStatus(
            "paper", "connecting", "Connecting.", time.time(), 2, accounts=["DU1000001", "DU1000002"]
        )
        gateway.endpoint, gateway.fallback, gateway.farms, gateway.competing = "127.0.0.1:4002", True, {"f": True}, True
        gateway.reason = "Ready, but another session has the market data: quotes are stale."
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(tables.gateways([gateway], width))
        console.print(tables.situation(gateway))
        text = console.export_text()
        assert max(map(len, text.splitlines())) <= width
        for word in (
            "connecting",
            "127.0.0.1:4002",
            "(fallback)",
            "DU1000001",
            "DU1000002",
            "1 up",
            "quotes are stale",
        ):
            assert word in text
        assert ("epoch" in text) == (width == 120)

    @pytest.mark.parametrize("width", [80, 160])
    def test_orders_fit_without_a_cut_number(self, width: int) -> None:
        future = Contract(secType="FUT", symbol="ES", localSymbol="ESZ6")
        order = Order(
            action="SELL",
            totalQuantity=1500.0,
            orderType="STP",
            auxPrice=7120.5,
            account="DU1000001",
            permId=1562013641,
        )
        trade = Trade(future, order, OrderStatus(status="PreSubmitted", filled=250.0, avgFillPrice=7116.25))
        trade.key, trade.script = "close-2026-11-21-DU1000001-320227571", "closing"
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(tables.orders([trade], width))
        text = console.export_text()
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        for word in ("ESZ6", "SELL 1,500 STP", "7,120.50", "PreSubmitted", "250/1,500"):
            assert word in text
        for word in ("1562013641", "7,116.25", "close-2026-11-21-DU1000001-320227571"):
            assert (word in text) == (width == 160)

    @pytest.mark.parametrize("width", [80, 160])
    def test_quotes_fit_without_a_cut_number(self, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
        ticker = Ticker(Contract(secType="FUT", symbol="ES", localSymbol="ESZ6"))
        ticker.bid, ticker.ask, ticker.last, ticker.close = 17116.25, 17116.5, 17116.25, 17000.0
        ticker.bidSize, ticker.askSize, ticker.volume, ticker.timestamp = 26.0, 39.0, 1.2e6, 0.0
        monkeypatch.setattr(screen.out, "width", width)
        monkeypatch.setattr("ibmux.cli.watching.time.time", lambda: 12.3)
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(Board([ticker]).draw())
        text = console.export_text()
        assert "…" not in text
        for word in ("ESZ6", "17,116.25", "17,116.50", "+0.68 %", "12.3 s"):
            assert word in text
        assert ("1.2M" in text) == (width == 160)

    def test_what_others_sent_is_no_markup(self) -> None:
        console = Console(width=60, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        console.print(screen.rows(screen.table("a"), [("[red]x[/red] [account]",)]))
        console.file.close()
        assert "[red]x[/red] [account]" in console.export_text()


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


class TestImports:
    def test_a_plain_install_says_what_is_missing(self) -> None:
        done = run_python(
            "import sys; sys.modules['cyclopts'] = None\nfrom ibmux.cli import main; sys.exit(main(['status']))"
        )
        assert done.returncode == 2
        assert "pip install '.[proxy]'" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_fault_of_our_own_is_not_taken_for_a_missing_package(self) -> None:
        done = run_python("import sys; sys.modules['ibmux.cli.app'] = None\nfrom ibmux.cli import main; main([])")
        assert "ModuleNotFoundError" in done.stderr

    def test_help_loads_no_heavy_part(self) -> None:
        done = run_python(
            "import sys\nfrom ibmux.cli import main\nmain(['--help'])\n"
            "heavy = {'ib_async', 'aiohttp', 'uvloop', 'prometheus_client', 'structlog', 'mqtt5'} & set(sys.modules)\n"
            "print('heavy:', sorted(heavy))"
        )
        assert "heavy: []" in done.stdout, done
        for verb in ("serve", "demo", "sim", "check", "status", "scripts", "positions", "orders", "watch", "call"):
            assert f" {verb} " in done.stdout
