"""Clock: the names of time zones."""

import pytest

from core.domain.clock import is_time_zone


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
