"""What is kept of a model's capabilities."""

from datetime import UTC, datetime

import pytest

from core.domain.models import MODEL_NOTES, Model, ModelNote

MODEL = Model("m", 200_000, 64_000, frozenset({"high", "low"}), frozenset({"enabled"}), known=True)
NOTE = ModelNote(datetime(2026, 11, 21, 9, tzinfo=UTC), MODEL)


def test_a_note_of_a_model_is_read_as_it_was_written():
    assert MODEL_NOTES.validate_json(MODEL_NOTES.dump_json(NOTE)) == NOTE


def test_a_note_that_an_earlier_version_wrote_is_read():
    kept = (
        '{"at": "2026-11-21T09:00:00+00:00", "model": {"id": "m", "max_input_tokens": 200000, "max_tokens": 64000, '
        '"efforts": ["high", "low"], "thinking": ["enabled"], "known": true}}'
    )

    assert MODEL_NOTES.validate_json(kept) == NOTE


@pytest.mark.parametrize("text", ["", "null", "{}", '{"at": "soon", "model": {"id": "m"}}'])
def test_what_is_no_note_is_refused(text):
    with pytest.raises(ValueError, match="validation error"):
        MODEL_NOTES.validate_json(text)
