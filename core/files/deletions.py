"""Deletions: what no message has any more is deleted at Claude's API, and tried again until it is gone."""

import asyncio
import logging
from datetime import timedelta

from core.claude.errors import FileStorageError
from core.claude.files import FileStorage
from core.domain.backoff import grow_pause
from core.domain.clock import Sleep
from core.domain.errors import StoreUnavailable
from core.store.records.files import FileDeletion, StoredFiles

PAUSE = 5.0  # seconds between two looks into the outbox
QUIET, IDLE = 60.0, 30.0  # seconds without a deletion, after which it is looked so much less often
MOST = 20  # files deleted between two looks into it
LEASE = timedelta(seconds=10)  # for which they are no other process's
FIRST, LONGEST = 5.0, 3_600.0  # seconds between two tries of one
LINGER = timedelta(minutes=10)  # for which an upload whose outcome nobody knows may still turn up

OTHER_KEY = "it was uploaded with another API key, and can be deleted with that one alone"
UNKNOWN = "it is not known whether it was uploaded"

log = logging.getLogger(__name__)


class FileDeletions:
    """Empties the outbox, in every process: to delete twice does no harm."""

    def __init__(self, files: StoredFiles, storage: FileStorage, sleep: Sleep = asyncio.sleep) -> None:
        self._files = files
        self._storage = storage
        self._sleep = sleep

    async def run(self) -> None:
        """Delete what is due, until cancelled."""
        quiet = 0.0
        while True:
            try:
                while (count := await self.delete_due()) == MOST:
                    pass
                quiet = 0.0 if count else quiet
            except StoreUnavailable as error:
                log.info("what is to be deleted at Claude can't be looked up: %s", error)
            except Exception:
                log.exception("a bug kept files from being deleted at Claude")
            pause = PAUSE if quiet < QUIET else IDLE
            quiet += pause
            await self._sleep(pause)

    async def delete_due(self) -> int:
        """Delete what is due now. How many there were."""
        due = await self._files.claim_deletions(MOST, LEASE)
        for one in due:
            try:
                gone = await self._delete(one)
            except FileStorageError as error:
                await self._postpone(one, grow_pause(one.tries + 1, FIRST, LONGEST), str(error))
                continue
            if gone:
                await self._files.end_deletion(one)
            elif one.api_key != self._storage.api_key:
                await self._postpone(one, LONGEST, OTHER_KEY)
            else:
                await self._postpone(one, (LINGER - one.age).total_seconds(), UNKNOWN)
        return len(due)

    async def _delete(self, one: FileDeletion) -> bool:
        """Whether it is gone for certain. Of another key's file that is not known, nothing is. Raises FileStorageError.

        An upload whose outcome nobody knows may turn up for a while.
        """
        file_id = one.file_id or await self._find(one.upload or "")
        if file_id and await self._storage.delete(file_id):
            return True
        return one.api_key == self._storage.api_key and bool(file_id or one.age >= LINGER)

    async def _find(self, name: str) -> str | None:
        """The id of what was uploaded under a name, if it was. Raises FileStorageError."""
        try:
            return (await self._storage.find({name})).get(name)
        except FileStorageError as error:
            if not error.unsupported:
                raise
            return None

    async def _postpone(self, one: FileDeletion, seconds: float, problem: str) -> None:
        if problem != UNKNOWN:
            log.log(logging.INFO if one.tries else logging.WARNING, "a file is not deleted at Claude yet: %s", problem)
        await self._files.postpone_deletion(one, timedelta(seconds=seconds), problem)
