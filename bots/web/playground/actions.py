"""Actions of the playground: what a window's forms do. Each needs the token of its page, and comes from there."""

import time
from collections.abc import Mapping

from aiohttp import web

from bots.delivery.downloads import LARGEST
from bots.delivery.slash_hints import add_slashes
from bots.web.playground.adapter import Playground
from bots.web.playground.pages import PersonaShelf, PlaygroundPages
from bots.web.playground.persona_panel import compare_words, list_commands
from bots.web.playground.place import PlaygroundPlace, clean_name
from bots.web.playground.posts import PlaygroundPost, is_command, is_private
from bots.web.playground.waiting_files import WaitingFiles
from bots.web.site.site import PageLink, Site
from bots.web.site.templates import draw_sentences
from core.commands import TABLE
from core.commands.craft.attached_files import takes_files
from core.domain.controls import CONTROLS, Control
from core.domain.events import Pressed
from core.domain.messages import File

LONGEST = 200_000  # characters of a message
FILES = 10  # that hang on one
GONE = "A file that you attached is not here any more. Attach it again."
NOTHING = "Nothing has changed."
TOO_LONG = f"A message has at most {LONGEST:,} characters. Attach it as a file."
SCRIPT = "application/json"
SAYS, BACK = "Confab says", "Back to the conversation"


class PlaygroundActions:
    """Does what people do in the playground."""

    def __init__(self, site: Site, playground: Playground, pages: PlaygroundPages, shelf: PersonaShelf) -> None:
        self._site, self._history, self._pages, self._shelf = site, playground.history, pages, shelf
        self._uploads = WaitingFiles()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/playground/say", self.say),
            web.post("/playground/press", self.press),
            web.post("/playground/edit", self.edit),
            web.post("/playground/delete", self.delete),
            web.post("/playground/files", self.attach),
            web.post("/playground/persona", self.change_persona),
            web.post("/playground/difference", self.compare),
        ]

    async def say(self, request: web.Request) -> web.Response:
        """What a person says, or a command."""
        place, given = await self._read(request)
        text = given.get("text", "").replace("\r\n", "\n").strip()
        tokens = [one for one in given.get("files", "").split() if one][:FILES]
        files = self._uploads.find(tokens)
        if files is None or len(text) > LONGEST:
            return self._refuse(request, GONE if files is None else TOO_LONG, place)
        if not text and not files:
            return self._answer(request, place)
        command = is_command(text)
        taken = files if not command or takes_files(TABLE, text[1:]) else []
        private = command and is_private(text)
        post = self._make_post(place, text, command=command, private=private)
        receipt = await self._history.say(place.key, post, taken)
        if taken:
            self._uploads.drop(tokens)
        return self._answer(request, place, receipt.note)

    async def press(self, request: web.Request) -> web.Response:
        """A button below an answer; without an answer Stop ends all that grows here."""
        place, given = await self._read(request)
        control = CONTROLS.get(given.get("control", ""))
        subject = given.get("subject") or None
        if control is None or (subject is None and control is not Control.STOP):
            raise web.HTTPBadRequest
        pressed = Pressed(_make_name(), place.key, place.person, control, subject, self._history.clock())
        receipt = await self._history.ingest(pressed)
        return self._answer(request, place, receipt.note)

    async def edit(self, request: web.Request) -> web.Response:
        place, given = await self._read(request)
        text = given.get("text", "").replace("\r\n", "\n").strip()
        if not text or len(text) > LONGEST:
            return self._refuse(request, TOO_LONG if text else "Say something, or delete the message.", place)
        await self._history.edit(place.key, given.get("post", ""), text)
        return self._answer(request, place)

    async def delete(self, request: web.Request) -> web.Response:
        place, given = await self._read(request)
        await self._history.delete(place.key, given.get("post", ""))
        return self._answer(request, place)

    async def attach(self, request: web.Request) -> web.Response:
        """A file, as the body, for the message that is written."""
        await self._check(request)
        content = await request.read()
        name = clean_name(request.query.get("name", "")) or "file"
        if not content or len(content) > LARGEST:
            return self._refuse(request, f"{name} is empty." if not content else f"{name} is too large.")
        token = self._uploads.add(File(name, request.content_type, content))
        return web.json_response({"token": token, "name": name, "size": len(content)})

    async def change_persona(self, request: web.Request) -> web.Response:
        """Save a persona, try it, or take it away: by the commands that do so everywhere."""
        place, given = await self._read(request)
        form = await self._shelf.read(place)
        wanted = list(list_commands(form.own, given))
        if given.get("do") == "clear":
            wanted = [("persona clear", {})]
        if given.get("do") == "try":
            wanted = [("persona try", {"what": given.get("text", "").strip()})]
        if not wanted:
            return self._answer(request, place, NOTHING)
        for words, values in wanted:
            post = self._make_post(place, f"/{words}", command=True, private=is_private(words), values=values)
            receipt = await self._history.give(place.key, post)
            if receipt.faults:
                return self._refuse(request, " ".join(receipt.faults.values()), place)
        return self._answer(request, place)

    async def compare(self, request: web.Request) -> web.Response:
        """What a draft changes of the persona, for a script."""
        place, given = await self._read(request)
        form = await self._shelf.read(place)
        pieces = compare_words(form.own.system or "", given.get("text", "").replace("\r\n", "\n").strip())
        text = self._pages.write_part("playground/difference.html", place, pieces=pieces)
        return web.Response(text=text, content_type="text/html", charset="utf-8")

    def _make_post(
        self,
        place: PlaygroundPlace,
        text: str,
        *,
        command: bool = False,
        private: bool = False,
        values: Mapping[str, str] | None = None,
    ) -> PlaygroundPost:
        at = self._history.clock()
        return PlaygroundPost(
            _make_name(), place.person, text, at, command=command, private=private, values=values or {}
        )

    async def _read(self, request: web.Request) -> tuple[PlaygroundPlace, dict[str, str]]:
        """The place that a form is about, and its fields. Raises HTTPForbidden."""
        await self._check(request)
        given = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        return await self._pages.read_place(request, given), given

    async def _check(self, request: web.Request) -> None:
        """Raise HTTPForbidden unless a page of ours sent this.

        Of a form without a script browsers hide the origin, as our policy of referrers asks: they say `null`, and in
        another header that it is ours.
        """
        own = f"http://{request.host}"
        hidden = request.headers.get("Sec-Fetch-Site") == "same-origin"
        if request.headers.get("Origin", own) not in ({own, "null"} if hidden else {own}):
            raise web.HTTPForbidden
        await self._site.check_form(request)

    def _answer(self, request: web.Request, place: PlaygroundPlace, note: str = "") -> web.Response:
        """For a script a note, as HTML; for a form without one the page, or the note with a link to it."""
        note = add_slashes(note, TABLE)
        if request.headers.get("Accept") == SCRIPT:
            return web.json_response({"note": draw_sentences(note), "address": place.address()})
        if note:
            return self._site.render_error(request, 200, SAYS, note, PageLink(place.address(), BACK))
        return web.Response(status=303, headers={"Location": place.address()})

    def _refuse(self, request: web.Request, why: str, place: PlaygroundPlace | None = None) -> web.Response:
        why = add_slashes(why, TABLE)
        if request.headers.get("Accept") == SCRIPT:
            return web.json_response({"problem": draw_sentences(why)}, status=422)
        back = PageLink(place.address() if place else "/", BACK)
        return self._site.render_error(request, 422, "That can't be done", why, back)


def _make_name() -> str:
    return str(time.time_ns())
