"""What reading a JSON text takes, counted while it comes in: core.tools.mcp.json_meter."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tools.mcp.json_meter import ESCAPES, MOST, JsonMeter, JsonTooLarge

VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.text(st.sampled_from('a,[{"\\\n\u2028')),
    lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(st.sampled_from('a,["\\'), max_size=3), one),
)


def cut(text, sizes):
    for size in sizes:
        yield text[:size]
        text = text[size:]
    yield text


def count(value):
    """The parts of a value: the signs that JSON writes for it outside of strings."""
    if isinstance(value, dict):
        return 1 + max(0, len(value) - 1) + sum(map(count, value.values()))
    return 1 + max(0, len(value) - 1) + sum(map(count, value)) if isinstance(value, list) else 0


@given(value=VALUES, sizes=st.lists(st.integers(0, 9)), events=st.booleans(), spaced=st.booleans())
def test_what_stands_in_strings_counts_nothing_however_the_text_is_cut(value, sizes, events, spaced):
    meter, text = JsonMeter(events=events), json.dumps(value, indent=1 if spaced else None).encode()

    for piece in cut(text, sizes):
        meter.count(piece)

    assert meter.parts == count(value)


@given(sizes=st.lists(st.integers(0, 40_000), max_size=6), end=st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"]))
def test_each_event_counts_by_itself(sizes, end):
    event = f"data: [{'7,' * (MOST - 2)}7]{end}".encode()
    meter = JsonMeter(events=True)

    for piece in cut(event * 3, sizes):
        meter.count(piece)

    with pytest.raises(JsonTooLarge):
        meter.count(event.replace(b"[", b"[7,7,", 1))


def test_escapes_count_too():
    meter = JsonMeter()
    meter.count(b'"' + b"\\n" * (ESCAPES * MOST))

    with pytest.raises(JsonTooLarge):
        meter.count(b"\\n" * ESCAPES)


@pytest.mark.parametrize("piece", [b'"', b'"\\', b'"\n', b"\\", b"\n", b'\\"'], ids=repr)
def test_no_text_takes_much_longer_than_it_is_long(piece):
    began = time.thread_time()
    meter = JsonMeter(events=True)

    with suppress(JsonTooLarge):
        for _ in range(20):
            meter.count(piece * 30_000)

    assert time.thread_time() - began < 2
