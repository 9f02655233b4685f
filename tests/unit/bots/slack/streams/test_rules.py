"""Budgets and refusals of native streams. Tests bots.slack.streams.rules."""

import pytest

from bots.slack.streams.rules import MINUTE, REFUSED, NativeStreams, StreamRules
from tests.fakes.slack.nouns import Clock


def test_so_many_streams_begin_in_a_minute():
    clock = Clock()
    streams = NativeStreams(StreamRules(starts=2), clock)
    first = [streams.take_start() for _ in range(3)]
    clock.advance(MINUTE)

    assert (first, streams.take_start()) == ([True, True, False], True)


@pytest.mark.parametrize(("everywhere", "elsewhere"), [(True, True), (False, False)])
def test_a_refusal_is_remembered_for_an_hour_where_it_holds(everywhere, elsewhere):
    clock = Clock()
    streams = NativeStreams(StreamRules(starts=2), clock)
    streams.remember_refusal("D1", "unknown_method", everywhere=everywhere)
    refused = streams.is_refused("D1"), streams.is_refused("D2")
    clock.advance(REFUSED)

    assert refused == (True, elsewhere)
    assert not streams.is_refused("D1")
