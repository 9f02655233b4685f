"""Sender: sends a request again while its error may pass, and none while its model's circuit breaker is open."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeAlias

from core.billing.ledger_rows import BudgetRefusal
from core.claude.circuit_breaker import CircuitBreaker
from core.claude.client import Activity, Completion, TextSoFar
from core.claude.errors import ClaudeError
from core.claude.metering import MeteredRequest, Metering
from core.claude.retry import Backoff, RetryPolicy
from core.domain.clock import Sleep
from core.domain.content import CodeFile, Content, Document, FileContent, Image
from core.domain.wording import count_noun
from core.prompting.code_requests import fit_code, leave_container, simplify_code
from core.prompting.refused_tools import explain_left_out, names_hosted, simplify_tools
from core.prompting.request import Request, leave_out_files, replace_contents, simplify_request

LASTING = ("cache_control", "citations")  # what a gateway does not take today, it does not take tomorrow
TOO_MUCH = ("too large", "too long")  # errors that files may be to blame for

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing comes for a while; `note` says why, to people."""

    note: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What Claude is not shown of the conversation's files, `image` or `document`: the model that is asked reads none.

    Where its API has `refused` some, it is these besides.
    """

    kinds: frozenset[str] = frozenset()
    refused: frozenset[Content] = frozenset()


Sent: TypeAlias = TextSoFar | Activity | Waiting | LeftOut | Completion | BudgetRefusal


class Sender:
    """Sends metered requests of all kinds, so that they share what is known of each model's trouble.

    `sleep` waits seconds, and `seconds` counts them.
    """

    def __init__(
        self, metering: Metering, *, sleep: Sleep = asyncio.sleep, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self.metering = metering
        self.sleep = sleep
        self.seconds = seconds
        self._complaints: defaultdict[str, list[str]] = defaultdict(list)
        """Of models whose API does not take cache marks, citations or tools as we set them: what it says of them."""
        self.circuit_breakers: defaultdict[str, CircuitBreaker] = defaultdict(CircuitBreaker)
        """One for each model."""

    async def stream(self, order: MeteredRequest, retry_policy: RetryPolicy) -> AsyncGenerator[Sent, None]:
        """The text as it grows, why it does not, and at last the completion, or why a budget forbids it.

        Raises ClaudeError once there is no use in sending the request again.
        """
        circuit_breaker = self.circuit_breakers[order.request.model]
        while True:
            while pause := self._pause_while_open(circuit_breaker, retry_policy):
                if pause.note:
                    yield Waiting(pause.note)
                await self.sleep(pause.seconds)
            try:
                with circuit_breaker.request(self.seconds) as note_first_text:
                    async with aclosing(self.metering.stream(order)) as events:
                        async for event in events:
                            if not isinstance(event, BudgetRefusal):
                                note_first_text()
                            yield event
                return
            except ClaudeError as error:
                if error.kind == "no file" and (renewed := await _renew_files(order, error)):
                    order = renewed
                    continue
                if plainer := self._take_complaint(order.request, error):
                    if refused := _list_files(order.request) - _list_files(plainer):
                        yield LeftOut(refused=refused)
                    order = replace(order, request=plainer)
                    continue
                pause = retry_policy.back_off(error)
            if pause.note:
                yield Waiting(pause.note)
            await self.sleep(pause.seconds)

    def simplify(self, order: MeteredRequest) -> MeteredRequest:
        """The same without what the model's gateway is known not to take."""
        request = order.request
        for complaint in self._complaints.get(request.model, ()):
            request = _simplify(request, complaint) or request
        return replace(order, request=request)

    def _take_complaint(self, request: Request, error: ClaudeError) -> Request | None:
        """The request without what the API named as what it does not take; None where that is nothing of ours."""
        plainer = _simplify(request, error.detail) if error.kind == "rejected" else None
        plainer = simplify_tools(request, error.detail) if error.kind == "forbidden" else plainer
        plainer = leave_out_files(request) if error.kind in TOO_MUCH else plainer
        if error.kind == "failing" and request.doubted:  # so the API answers for a container that is gone
            plainer = leave_container(request)
        if plainer is not None:
            log.warning("%s; asking again without it. %s", error, explain_left_out(request, plainer))
            complaints = self._complaints[request.model]
            lasting = any(name in error.detail for name in LASTING) or names_hosted(error.detail)
            if lasting and error.detail not in complaints:
                complaints.append(error.detail)
        return plainer

    def _pause_while_open(self, circuit_breaker: CircuitBreaker, retry_policy: RetryPolicy) -> Backoff | None:
        """How long to wait before the breaker is asked again; None where a request may go."""
        seconds = circuit_breaker.closed_for(self.seconds())
        if not (circuit_breaker.trouble and seconds):
            return None
        return Backoff(seconds) if circuit_breaker.mending else retry_policy.wait(circuit_breaker.trouble, seconds)


def _simplify(request: Request, complaint: str) -> Request | None:
    """The request without what an API names as what it does not take; None where that is nothing of ours."""
    if simpler := simplify_tools(request, complaint):
        return fit_code(simpler)
    return simplify_code(request, complaint) or simplify_request(request, complaint)


async def _renew_files(order: MeteredRequest, error: ClaudeError) -> MeteredRequest | None:
    """The same with new ids for the files that Claude's API has no more, once; None where it was done, or has none."""
    held = {
        position: (block.content, block.content.uploaded.file_id)
        for position, block in enumerate(order.request.blocks)
        if isinstance(block.content, Image | Document | CodeFile) and block.content.uploaded
    }
    if not held or order.renew is None:
        return None
    gone = {position: one for position, one in held.items() if one[1] in error.detail} or held
    log.warning("%s; uploading %s again", error, count_noun(len(gone), "file"))
    renewed = await order.renew({file_id for _, file_id in gone.values()})
    contents: dict[int, Content | None] = dict.fromkeys(gone)
    for position, (old, file_id) in gone.items():
        found = renewed.get(file_id, FileContent())
        new = found.code if isinstance(old, CodeFile) else found.shown
        cited = isinstance(old, Document) and old.cited
        contents[position] = replace(new, cited=cited) if isinstance(new, Document) else new
    return replace(order, request=replace_contents(order.request, contents), renew=None)


def _list_files(request: Request) -> frozenset[Content]:
    """The files of a request as they were read: whether they are cited is the request's."""
    contents = (block.content for block in request.blocks if isinstance(block.content, Image | Document))
    return frozenset(replace(one, cited=False) if isinstance(one, Document) else one for one in contents)
