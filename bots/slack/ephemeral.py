"""Ephemeral message: an answer that only one person sees. Slack keeps none, so it is said once, when it is whole."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bots.slack import formatting
from bots.slack.address import SlackAddress
from bots.slack.client import TRIES, Web
from bots.slack.publisher import PLAIN, UNSUITED
from core.domain.controls import Control
from core.domain.errors import CannotShow, Rejected
from core.domain.messages import File, Question
from core.domain.wording import list_some
from core.prompting.file_names import write_name_as_code
from core.rendering.dialect import Dialect
from core.rendering.paginator import cut, pages
from core.rendering.reply_notes import append_note

USES = 5  # of one response_url, within half an hour
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)  # there was no connection to send by

log = logging.getLogger(__name__)


class Whisper:
    """Says pages to the person who asked: by the command's response_url while it lasts, and in the channel after it."""

    def __init__(self, web: Web, question: Question, plainly: bool = False) -> None:
        self._web = web
        self._plainly = plainly
        self._question = question
        self._url = SlackAddress.parse(question.address).url
        self._left = USES if self._url and self._web.is_slack_url(self._url) else 0

    @property
    def responds(self) -> bool:
        """Whether there is a response_url, which also works where we are not in the channel."""
        return self._left > 0

    async def say(self, text: str, files: Sequence[File] = (), controls: Sequence[Control] = ()) -> None:
        """Say all of it, files in words: Slack hangs none on what one person sees. Raises CannotShow, Rejected.

        The controls stand below its last page. Where it can be posted, its files come with that.
        """
        whole = promise_files(text, files) if Control.POST in controls else with_files(text, files)
        *before, last = await cut(whole, partial(self._cut, whole)) or [whole]
        for page, buttons in [*((page, ()) for page in before), (last, controls)]:
            if not await self.respond(page, "ephemeral", buttons):
                await self._whisper_page(page, buttons)

    async def say_in_channel(self, text: str) -> None:
        """Say it to the channel, where we may not post but may respond. Raises CannotShow."""
        for page in await cut(text, partial(self._cut, text)):
            if not await self.respond(page, "in_channel"):
                raise CannotShow("the command can't be responded to any more")

    async def respond(self, page: str, kind: str, controls: Sequence[Control] = ()) -> bool:
        """Whether the response_url took a page. It may have where its answer was lost: then nothing is said twice."""
        if not self._left:
            return False
        self._left -= 1
        client = AsyncWebhookClient(self._url, session=self._web.client.session, retry_handlers=[])
        content = {
            "text": formatting.render_fallback_text(page),
            "blocks": self._blocks(page, controls),
            "response_type": kind,
        }
        thread = self._question.key.thread if kind == "in_channel" else self._thread
        place = {"thread_ts": thread} if thread else {}
        never = {"unfurl_links": False, "unfurl_media": False, "replace_original": False}
        send = partial(client.send_dict, {**content, **place, **never})
        try:
            answer = await self._web.retry(send, TRIES, on=NOT_SENT)
        except NOT_SENT:
            return False
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("a response is taken for shown, for its answer was lost: %s", type(error).__name__)
            return True
        return answer.status_code == 200

    async def _whisper_page(
        self, page: str, controls: Sequence[Control] = (), dialect: Dialect = formatting.DIALECT
    ) -> None:
        """Whisper a page: in smaller ones where Slack refuses it, and as plain text where that is no help."""
        try:
            await self._post(page, self._blocks(page, controls))
        except Rejected as rejected:
            if self._plainly or rejected.reason not in UNSUITED:
                raise
            parts, smaller = [page], formatting.halve_pages(dialect)
            while smaller and parts == [page]:
                parts, dialect = await cut(page, partial(pages, page, smaller)), smaller
                smaller = formatting.halve_pages(dialect)
            if parts == [page]:
                return await self._post(page, formatting.build_sections(page))
            for part in parts[:-1]:
                await self._whisper_page(part, dialect=dialect)
            await self._whisper_page(parts[-1], controls, dialect)

    @property
    def _thread(self) -> str:
        """The thread to say it in; not one that the question would begin, where nothing would be shown."""
        thread = self._question.key.thread
        return thread if thread != self._question.name else ""

    def _cut(self, text: str) -> list[str]:
        return formatting.cut_plainly(text) if self._plainly else pages(text, formatting.DIALECT)

    def _blocks(self, page: str, controls: Sequence[Control] = ()) -> list[dict[str, Any]]:
        if self._plainly:
            return formatting.build_sections(page)
        buttons = formatting.build_buttons(controls, self._question.name, self._web.refused)
        return [*formatting.build_blocks(page), *buttons]

    async def _post(self, page: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        place = {"channel": self._question.key.channel, "user": self._question.person}
        place |= {"thread_ts": self._thread} if self._thread else {}
        content = {"text": formatting.render_fallback_text(page), "blocks": blocks, **PLAIN}
        await self._web.call_until_done("chat.postEphemeral", **place, **content)


def promise_files(text: str, files: Sequence[File]) -> str:
    """A text with a note below it on the files that it does not tell: who posts it has them."""
    names = [write_name_as_code(file.name) for file in files if not file.told]
    return append_note(text, f"{list_some(names)} will hang on it when you post it.") if names else text


def with_files(text: str, files: Sequence[File]) -> str:
    """A text, and below it in words the files that it does not tell, or how people have them posted again."""
    told = "\n\n".join([text, *(f"```\n{file.words.rstrip()}\n```" for file in files if file.words)])
    again = next((file.again for file in files if file.again), "")
    return append_note(told, f"Its files are not here. {again}") if again else told
