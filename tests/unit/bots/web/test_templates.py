"""How pages write values."""

from datetime import UTC, datetime

import pytest
from jinja2 import UndefinedError

from bots.web.site.static_files import read_static_files
from bots.web.site.templates import make_environment, write_number, write_seconds, write_time


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.0, "0 ms"), (0.85, "850 ms"), (2.44, "2.4 s"), (720.0, "12 min"), (10_800.0, "3 h")],
)
def test_a_span_is_written_as_people_say_it(seconds, written):
    assert write_seconds(seconds) == written


def test_times_are_written_in_a_zone_and_numbers_with_separators():
    at = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)

    assert (write_time(at), write_time(at, "Europe/Berlin"), write_time(None)) == (
        "2026-11-28 23:30",
        "2026-11-29 00:30",
        "",
    )
    assert write_number(1_234_567) == "1,234,567"


def test_a_value_is_escaped_and_one_that_a_page_was_not_given_is_an_error():
    environment = make_environment()

    assert environment.from_string("{{ one }}").render(one="<b>&'\"") == "&lt;b&gt;&amp;&#39;&#34;"
    with pytest.raises(UndefinedError):
        environment.from_string("{{ one }}").render()


def test_the_package_ships_the_style_sheet_under_an_address_that_holds_a_hash():
    found = read_static_files()

    assert found.find_address("style.css") == f"/static/{found.version}/style.css"
    with pytest.raises(KeyError):
        found.find_address("none.css")
