"""Sealing: texts that the database keeps and only we can read, under keys derived from the secret ones (Fernet)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.store.audit_log import KEY_BYTES


class SealBroken(Exception):
    """None of the keys opens it: it was sealed with another one, or somebody altered it."""


class Seal:
    """Seals with the first key, and opens what any of them sealed. `purpose` keeps what is for one use from others."""

    def __init__(self, keys: Sequence[str], purpose: str) -> None:
        derived = [Fernet(_derive_key(key, purpose)) for key in keys]
        self._first, self._all = derived[0], MultiFernet(derived)

    def close(self, text: str) -> str:
        return self._all.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """What was sealed. Raises SealBroken."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise SealBroken from None

    def is_newest(self, sealed: str) -> bool:
        """Whether the first key sealed it, so that it stays readable when the others go."""
        try:
            self._first.decrypt(sealed.encode())
        except (InvalidToken, UnicodeError):
            return False
        return True


def _derive_key(key: str, purpose: str) -> bytes:
    """A key of its own for each purpose: the audit log's is never used to encrypt."""
    derivation = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"confab {purpose}".encode())
    return urlsafe_b64encode(derivation.derive(urlsafe_b64decode(key)))
