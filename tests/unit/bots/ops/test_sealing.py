"""Sealing: who has the key reads it, and nobody else."""

import pytest

from bots.ops.sealing import Seal, SealBroken

FIRST, SECOND = "k" * 42 + "A=", "m" * 42 + "A="


def test_what_is_sealed_is_opened_with_the_same_key_and_shows_nothing():
    sealed = Seal([FIRST], "tokens").close("xoxb-secret")

    assert "secret" not in sealed
    assert Seal([FIRST], "tokens").open(sealed) == "xoxb-secret"


@pytest.mark.parametrize(
    ("keys", "purpose"), [([SECOND], "tokens"), ([FIRST], "states")], ids=["another key", "another use"]
)
def test_with_another_key_or_for_another_use_nothing_is_opened(keys, purpose):
    sealed = Seal([FIRST], "tokens").close("xoxb-secret")

    with pytest.raises(SealBroken):
        Seal(keys, purpose).open(sealed)


@pytest.mark.parametrize("altered", ["", "x", "\u00e9", "gAAAAAB"])
def test_what_nobody_sealed_is_unreadable(altered):
    with pytest.raises(SealBroken):
        Seal([FIRST], "tokens").open(altered)


def test_every_key_opens_and_the_first_seals():
    old = Seal([FIRST], "tokens").close("xoxb-secret")
    rotated = Seal([SECOND, FIRST], "tokens")
    new = rotated.close(rotated.open(old))

    assert (rotated.is_newest(old), rotated.is_newest(new)) == (False, True)
    assert Seal([SECOND], "tokens").open(new) == "xoxb-secret"
