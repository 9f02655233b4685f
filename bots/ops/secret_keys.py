"""Secret keys: those of CONFAB_SECRET_KEY, or else of a file beside the database, which the first start makes."""

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bots.ops.logs import hide_secrets
from core.domain.errors import SettingsError
from core.settings import SECRET_KEY, Settings
from core.store import find_folder
from core.store.audit_log import KEY_BYTES, AuditKeys
from core.store.transfer.mark import sync_folder

KEY_FILE = "confab.key"
MAKE = "`openssl rand -base64 32 | tr +/ -_` prints one"


def find_key_file(settings: Settings) -> Path | None:
    """Where the key is if CONFAB_SECRET_KEY is not set; None for a database in memory. Raises StoreUnusable."""
    folder = find_folder(settings.database_url)
    return None if folder is None else Path(folder) / KEY_FILE


def read_secret_keys(settings: Settings) -> list[str]:
    """The keys, the one that seals first; none where there is no file of them. Raises SettingsError."""
    path = find_key_file(settings)
    if settings.confab_secret_key or path is None:
        return settings.secret_keys()
    try:
        keys = path.read_text("utf-8").replace(",", " ").split()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The key file {path} can't be read ({error}). Let this user read it.") from None
    if not (keys and all(SECRET_KEY.fullmatch(key) for key in keys)):
        raise SettingsError(f"The key file {path} holds something else than keys. Restore it from a copy; {MAKE}.")
    return keys


def ensure_secret_keys(settings: Settings) -> list[str]:
    """The keys; where there is none, a new file has one. Raises SettingsError.

    Where the folder of the database is missing there is none either: opening the database says so.
    """
    path = find_key_file(settings)
    if not settings.confab_secret_key and path is not None and path.parent.is_dir():
        try:
            make_key_file(path)
        except OSError as error:
            raise SettingsError(
                f"CONFAB_SECRET_KEY: not set, and the file {path} can't be made, which would hold a key "
                f"({error.strerror}). Set it, or let this user write that folder; {MAKE}."
            ) from None
    return read_secret_keys(settings)


def make_key_file(path: Path) -> None:
    """Make a key, its owner's alone, unless there is one. It is whole from its first moment, whoever else makes one."""
    if path.exists():
        return
    with TemporaryDirectory(prefix=".confab-", dir=path.parent) as folder:
        draft = os.path.join(folder, KEY_FILE)
        number = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(number, "wb") as file:
            file.write(urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(number)
        try:
            os.link(draft, path)
        except FileExistsError:  # another process was faster
            path.stat()  # unless it is a link to nothing
    sync_folder(str(path.parent))  # before the key has sealed anything


def load_audit_keys(settings: Settings) -> AuditKeys:
    """What seals and verifies the audit log, out of keys that may have to be made; no log shows them from here on.

    Raises SettingsError.
    """
    keys = ensure_secret_keys(settings)
    hide_secrets(keys)
    return derive_audit_keys(keys)


def derive_audit_keys(keys: Sequence[str]) -> AuditKeys:
    return AuditKeys(decode_keys(keys))


def decode_keys(keys: Sequence[str]) -> list[bytes]:
    """The bytes of keys, from which others are derived."""
    return [urlsafe_b64decode(key) for key in keys]
