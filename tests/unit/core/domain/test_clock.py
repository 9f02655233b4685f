"""Clock: the names of time zones."""

from datetime import UTC

import pytest

from core.domain.clock import is_time_zone, load_zone, name_known_zone


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Buenos_Aires"])
def test_a_time_zone_of_the_tz_database_is_known(name):
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name",
    ["", "Berlin", "Europe", "europe/../Berlin", "/etc/passwd", "../../etc/passwd", "UTC+1", "a\x00b", "x" * 300],
)
def test_what_is_no_time_zone_is_not_known(name):
    assert not is_time_zone(name)


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "right/UTC", "posix/Europe/Berlin"])
def test_what_only_this_machine_may_have_is_no_time_zone(name):
    assert not is_time_zone(name)


def test_utc_holds_for_a_zone_that_this_machine_does_not_have_and_one_line_of_the_log_says_so(caplog):
    assert [load_zone("Europe/Utopia") for _ in range(2)] == [UTC, UTC]
    assert [name_known_zone(name) for name in ("Europe/Utopia", "Europe/Berlin")] == ["UTC", "Europe/Berlin"]
    assert str(load_zone("Europe/Berlin")) == "Europe/Berlin"
    assert caplog.messages == [
        "this machine's tz database has no time zone 'Europe/Utopia'; UTC holds in its place: update tzdata"
    ]
