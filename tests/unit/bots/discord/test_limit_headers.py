"""Retry-After of any kind, in a header or a body.

Tests bots.discord.outbound_budget.
"""

from datetime import UTC, datetime

import pytest

from bots.discord.outbound_budget import LONGEST, UNNAMED, is_ban, is_pause, read_retry_after

NOW = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("named", "seconds"),
    [
        ("2", 2.0),
        ("0.25", 0.25),
        (" 3 ", 3.0),
        ("-1", 0.0),
        ("86400", LONGEST),
        ("inf", LONGEST),
        ("nan", UNNAMED),
        ("", UNNAMED),
        ("soon", UNNAMED),
        ("Fri, 27 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 27 Nov 2026 12:00:30", 30.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 27 Nov 9999 12:00:30 GMT", LONGEST),
    ],
)
def test_a_retry_after_of_any_kind_is_a_bounded_number_of_seconds(named, seconds):
    assert read_retry_after({"Retry-After": named}, NOW) == seconds


@pytest.mark.parametrize("named", ["0.001", "1", "900"])
def test_a_429_s_body_may_name_seconds(named):
    assert is_pause(f'{{"retry_after": {named}}}'.encode())


@pytest.mark.parametrize("named", ["0", "-1", "901", "1e9", "1e999", "NaN", "Infinity", "null", '"1"', "[1]", "{", ""])
def test_what_is_no_pause_that_the_library_could_wait_for(named):
    assert not is_pause(f'{{"retry_after": {named}}}'.encode())
    assert not is_pause(named.encode())


def test_no_retry_after_is_a_second():
    assert read_retry_after({}, NOW) == UNNAMED


@pytest.mark.parametrize(
    ("headers", "ban"),
    [({"Retry-After": "600"}, True), ({"via": "1.1 google"}, False), ({"X-RateLimit-Scope": "user"}, False)],
    ids=["Cloudflare's", "Discord's", "with a scope"],
)
def test_a_429_that_does_not_say_it_is_discords_is_a_ban(headers, ban):
    assert is_ban(headers) == ban
