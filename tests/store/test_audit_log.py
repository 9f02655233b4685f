"""Nouns of the audit log: keys out of secrets, fingerprints of words, and heads. Tests core.store.audit_log."""

import pytest

from core.store.audit_log import AuditAction, AuditEntry, AuditHead, AuditKeys, AuditRow, derive_key, fingerprint
from tests.support.talk import NOON

SECRET = b"s" * 32
COLUMNS = AuditEntry("slack:T1", NOON, "U1", AuditAction.FORGET).to_columns(1)


def test_a_key_is_derived_as_rfc_5869_says():
    okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"  # test case 3, the first 32 bytes

    assert derive_key(b"\x0b" * 22, b"").hex() == okm


def test_keys_are_never_printed():
    keys = AuditKeys([SECRET])

    assert not any(secret in repr(keys) for secret in ("sss", SECRET.hex(), derive_key(SECRET).hex()))


def test_without_a_secret_nobody_can_verify_it_later():
    head = AuditHead("slack:T1")
    one, other = AuditKeys(), AuditKeys()
    row = {**COLUMNS, "mac": one.seal(head, COLUMNS)}

    assert (one.verify(head, row), other.verify(head, row)) == (True, False)


def test_words_in_details_become_their_fingerprint_and_ids_stay():
    ids = {"model": "claude-haiku-5-5", "zone": "Europe/Berlin", "bytes": 7, "failed": False, "none": None}
    entry = AuditEntry("slack:T1", NOON, "U1", AuditAction.TOOL_RAN, details={**ids, "a": "My cat", "b": {"c": "é ü"}})

    told = AuditRow(**entry.to_columns(1), mac="").read_details()

    assert told == {**ids, "a": fingerprint("My cat"), "b": {"c": fingerprint("é ü")}}
    assert told["a"] == {"sha256": "a8093dbb258424c1e8cce49aa648b31af2b0f292817e9f192ac0f38d321dcdb7", "length": 6}


def test_a_row_is_written_the_same_whatever_the_order_of_its_details():
    one, other = (
        AuditEntry("slack:T1", NOON, "U1", AuditAction.FORGET, details=details).to_columns(2)
        for details in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    )

    assert one == other
    assert one == {
        "workspace": "slack:T1",
        "number": 2,
        "at": "2026-11-20T12:00:00.000000+00:00",
        "actor": "U1",
        "action": "forget",
        "channel": None,
        "thread": None,
        "subject": "",
        "details": '{"a":1,"b":2}',
    }


def test_what_a_database_refuses_is_cleaned_before_it_is_sealed():
    columns = AuditEntry("slack:T1", NOON, "U\0", AuditAction.FORGET, "C\ud800", subject="\0").to_columns(1)

    assert (columns["actor"], columns["channel"], columns["subject"]) == ("U", "C\ufffd", "")


def test_a_head_is_read_as_it_is_written():
    head = AuditHead("slack:T1", 17, "ab" * 32)

    assert AuditHead.parse(f" {head}\n") == head


@pytest.mark.parametrize("text", ["", "slack:T1", f"slack:T1:x:{'ab' * 32}", f":1:{'ab' * 32}", "slack:T1:1:ab"])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        AuditHead.parse(text or ":")


@pytest.mark.parametrize("text", ["", "[]", "{", "1"])
def test_a_row_that_somebody_altered_can_still_be_read(text):
    row = AuditRow("slack:T1", 1, "yesterday", "U1", "forget", None, None, "", text, "")

    assert (row.read_time(), row.read_details()) == (None, {})
