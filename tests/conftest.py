"""For every test: no secret may leak; and the fixtures that mean the same everywhere."""

import signal

import pytest
from hypothesis import settings

from tests.fakes.board import Board
from tests.fakes.claude.script import Answer, echo, wants_form
from tests.fakes.claude.server import ClaudeFake
from tests.support.clock import ManualClock
from tests.support.leaks import Lines, leaks, written
from tests.support.short_form import examples

LINES = Lines()

settings.register_profile("any machine", examples(deadline=None))  # one example takes as long as the machine is busy
settings.load_profile("any machine")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what is in its background
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    LINES.listen()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test fails, whatever else became of it, when a secret is in what was put out meanwhile."""
    report = yield
    shown = [text for when, kind, text in item._report_sections if when == call.when and kind != "log"]
    found = leaks([*shown, *LINES.texts, *written(item.funcargs.values())])
    LINES.texts.clear()
    if found:
        report.sections.append(("Leaks", "\n".join(found)))
        if not report.failed:
            report.longrepr = f"{len(found)} lines of output hold a secret; the first: {found[0]}"
        report.outcome = "failed"
    return report


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
    return ManualClock()


@pytest.fixture
def board():
    """The smallest platform."""
    return Board()


@pytest.fixture
async def claude():
    """Claude's loopback server, which says "fine" to everything, and the least to who wants a form."""
    async with ClaudeFake() as server:
        server.answer = lambda body: echo(body) if wants_form(body) else Answer(text="fine")
        yield server
