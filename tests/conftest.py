"""The stores that the conformance suite runs against; another one is one more parameter here."""

from datetime import datetime, timedelta

import pytest

from core.store.sqlite import open_store
from tests.talk import NOON


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def pytest_terminal_summary(terminalreporter):
    """The figures that tests of reliability leave, one line each and all together."""
    passed = [report for name in ("passed", "failed") for report in terminalreporter.getreports(name)]
    figures = [dict(report.user_properties).get("figures") for report in passed]
    found = [one for one in figures if one]
    if found:
        together = {name: sum(one.get(name, 0) for one in found) for name in found[0] if name != "what"}
        terminalreporter.section("reliability")
        for one in [*found, {"what": "together", **together}]:
            what, numbers = one["what"], [f"{name} {value:g}" for name, value in one.items() if name != "what"]
            terminalreporter.line(f"{what:26} {', '.join(numbers)}")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite in memory", "sqlite in a file"])
def url(request, tmp_path):
    return "sqlite://" if request.param == "sqlite in memory" else f"sqlite:///{tmp_path}/confab.db"


@pytest.fixture
async def store(url, clock):
    store = await open_store(url, clock=clock)
    yield store
    await store.shut()
