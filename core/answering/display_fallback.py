"""Fallback: an answer that can't be shown as it should is shown as plain text; else a notice says so."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from functools import partial

from core.answering.reply import Reply
from core.domain.errors import (
    CannotAnswer,
    CannotShow,
    ConfabError,
    LeaseLost,
    PlaceClosed,
    Rejected,
    StoreUnavailable,
    TokenRefused,
)
from core.domain.messages import FinalText, Question
from core.domain.platform import Platform, Surface
from core.store.protocols import Questions
from core.store.records.claims import Claim
from core.worker.worker import is_cancelled

OTHERS = (LeaseLost, StoreUnavailable)  # no fault of the platform's: the question is another's, or has to wait

log = logging.getLogger(__name__)


class Fallback:
    """Shows what can be shown of an answer whose showing failed."""

    def __init__(self, questions: Questions, platforms: Mapping[str, Platform]) -> None:
        self._questions = questions
        self._platforms = platforms

    async def show(self, surface: Surface, reply: Reply, claim: Claim) -> bool:
        """Whether the whole answer was shown, as it grows or plainly. If not, a notice was.

        What fails here is not Claude's: its words are waited for, and asked for once. Raises CannotShow where nothing
        can be shown, NotShown where not even a notice was, LeaseLost, StoreUnavailable.
        """
        try:
            await surface.show(reply)
            return not reply.lacks_files
        except TokenRefused:  # it is shown later, and Claude is asked for it once
            await reply.end()
            raise
        except PlaceClosed:  # who asked is sent what Claude has begun to say, or said before a restart
            if reply.text or claim.final_text:
                await reply.end()
            raise
        except (*OTHERS, CannotShow):
            raise
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled():
                raise
            reference = _log_error("an answer is shown plainly, for it could not be shown as it should", error)
        text = await reply.end()
        return not text or await self._show_plainly(surface, reply, claim, text, reference)

    async def _show_plainly(self, surface: Surface, reply: Reply, claim: Claim, text: str, reference: str) -> bool:
        try:
            reply.note_unattached()
            await surface.show_plainly(reply, reply.without_files if reply.lacks_files else text)
            return not reply.lacks_files
        except (*OTHERS, CannotShow):
            raise
        except Exception as error:
            _log_error("an answer could not be shown plainly either", error, reference)
        notice = f"There is an answer, but I could not show it here as it is. (reference {reference})"
        await self._questions.store_final_text(claim, FinalText(notice, notice=True))
        await self._post_notice(surface, reply, notice, reference)
        return False

    async def give_up(self, claim: Claim, error: BaseException) -> bool:
        """Whether anybody could be told that a question gets no answer, after all tries."""
        question = claim.question
        reference = _log_error("a question gets no answer", error)
        notice = f"Something went wrong on my side. (reference {reference})"
        try:
            surface = await self._platforms[question.key.platform].surface(question)
            keep = partial(self._questions.record_page, claim)
            await self._post_notice(surface, Reply(question, keep, claim.pages), notice, reference)
        except (CannotShow, NotShown, *OTHERS) as trouble:
            log.warning("reference %s: nobody could be told: %r", reference, trouble)
            return False
        except Exception as trouble:
            _log_error("nobody could be told", trouble, reference)
            return False
        return True

    async def notify_asker(self, question: Question, error: PlaceClosed, answer: str) -> bool:
        """Whether who asked could be told alone that their place is closed to us, with the answer if there is one.

        Nobody waits for the run of a schedule: that one stops.
        """
        if question.schedule is not None:
            return False
        reference = secrets.token_hex(3).upper()
        log.warning("reference %s: can't be shown an answer: %s", reference, error)
        try:
            why = f": {error.why}" if error.why else ""
            notice = f"I could not answer you where you asked me{why}. (reference {reference})"
            await self._tell(question, f"{notice} My answer:" if answer else notice, answer)
        except NotShown as unseen:
            log.warning("reference %s: %s", reference, unseen)
            return False
        return True

    async def _post_notice(self, surface: Surface, reply: Reply, notice: str, reference: str) -> None:
        """Say it in the same place, else to who asked alone. Raises NotShown."""
        try:
            await surface.show_notice(reply, notice)
            return
        except OTHERS:
            raise
        except Exception as error:
            _log_error("not even a notice could be shown", error, reference)
        await self._tell(reply.question, notice)

    async def _tell(self, question: Question, notice: str, answer: str = "") -> None:
        platform, workspace = self._platforms[question.key.platform], question.key.workspace
        try:
            await platform.tell(workspace, question.person, notice, answer)
        except OTHERS:
            raise
        except Exception as error:
            raise NotShown(f"who asked can't be told either: {error!r}") from error


class NotShown(ConfabError):
    """Nobody could be shown anything."""


def has_failed(task: "asyncio.Task[bool]") -> bool:
    """Whether a task ended without a result."""
    return task.done() and (task.cancelled() or task.exception() is not None)


def _log_error(what: str, error: BaseException, reference: str = "") -> str:
    """The reference under which the log has the whole error; what a platform says is no bug, and has no traceback."""
    reference = reference or secrets.token_hex(3).upper()
    theirs = isinstance(error, Rejected | CannotAnswer | CannotShow)
    log.error("reference %s: %s: %s", reference, what, error, exc_info=None if theirs else error)
    return reference
