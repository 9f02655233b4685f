"""Pages of the playground: the conversation with what stands beside it, and the files that hang on its posts."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web
from markupsafe import Markup

from bots.web.playground.adapter import Playground
from bots.web.playground.markdown import draw_markdown
from bots.web.playground.persona_panel import PersonaForm, read_form
from bots.web.playground.place import PlaygroundPlace, find_next, read_place
from bots.web.playground.posts import PlaygroundPost, parse_body
from bots.web.playground.prompt_panel import PromptReader
from bots.web.site.csrf import FIELD
from bots.web.site.site import Site
from core.commands import TABLE
from core.domain.personas import Persona
from core.store.records.knowledge import Personas
from core.store.records.posts.stored_posts import PostedThread

SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}
SHOWN = 100  # posts of a conversation, unless all are asked for
TITLE = 48  # characters of what began a conversation


@dataclass(frozen=True, slots=True)
class PersonaShelf:
    """What the form of a persona chooses from."""

    personas: Personas
    defaults: Persona
    models: Sequence[str]
    tools: Sequence[str]

    async def read(self, place: PlaygroundPlace) -> PersonaForm:
        return await read_form(self.personas, place.key, self.defaults, self.models, self.tools)


@dataclass(frozen=True, slots=True)
class ListedConversation:
    """A conversation in the list of those of a channel."""

    thread: str
    title: str


class PlaygroundPages:
    """Shows the playground. `person` is who speaks where an address names nobody."""

    def __init__(
        self, site: Site, playground: Playground, prompts: PromptReader, shelf: PersonaShelf, person: str
    ) -> None:
        self._site, self._history = site, playground.history
        self._prompts, self._shelf, self._person = prompts, shelf, person

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.show_page),
            web.get("/playground/panel", self.show_panel),
            web.get("/playground/files/{channel}/{post}/{number}", self.send_file),
            web.get("/{rest:.*}", self._site.answer_not_found),
        ]

    async def read_place(self, request: web.Request, given: dict[str, str] | None = None) -> PlaygroundPlace:
        """The place that a request is about, by its address or by the fields that were `given`."""
        wanted = dict(request.query) if given is None else given
        return read_place(wanted, await self._history.list_threads(), self._person)

    async def show_page(self, request: web.Request) -> web.Response:
        """The conversation; what changes after this was read, a window is told by the stream."""
        place, newest = await self.read_place(request), self._history.hub.newest
        posts = await self._history.list_posts(place.key, place.person)
        earlier = 0 if "all" in request.query else max(0, len(posts) - SHOWN)
        people = sorted({self._person, place.person, *await self._history.list_people()}, key=str.casefold)
        values = await self._describe_panel(place)
        return self._site.render(
            request,
            "playground/page.html",
            place=place,
            posts=posts[earlier:],
            earlier=earlier,
            people=people,
            newest=newest,
            commands=[(f"/{row.words}", row.about) for row in TABLE],
            **await self._describe_sidebar(place),
            **values,
            **DRAWING,
        )

    async def show_panel(self, request: web.Request) -> web.Response:
        """What stands beside the conversation, for a script."""
        place = await self.read_place(request)
        return web.Response(
            text=self.write_part(
                f"playground/{place.panel or 'prompt'}.html", place, **await self._describe_panel(place)
            ),
            content_type="text/html",
            charset="utf-8",
        )

    async def write_sidebar(self, place: PlaygroundPlace) -> str:
        """The list of channels and conversations, for a script."""
        return self.write_part("playground/sidebar.html", place, **await self._describe_sidebar(place))

    def write_post(self, place: PlaygroundPlace, post: PlaygroundPost) -> str:
        """One post, for a script."""
        return self.write_part("playground/post.html", place, post=post)

    def write_part(self, template: str, place: PlaygroundPlace, **values: Any) -> str:
        return self._site.write_part(template, place=place, form_field=FIELD, form_token="", **DRAWING, **values)

    async def _describe_panel(self, place: PlaygroundPlace) -> dict[str, Any]:
        if place.panel == "persona":
            return {"form": await self._shelf.read(place), "panel": None}
        return {"panel": await self._prompts.read(place.key, place.person), "form": None}

    async def _describe_sidebar(self, place: PlaygroundPlace) -> dict[str, Any]:
        threads = await self._history.list_threads()
        channels = list(dict.fromkeys([*sorted({one.channel for one in threads}), place.channel]))
        here = [ListedConversation(one.thread, _find_title(one)) for one in threads if one.channel == place.channel]
        following = find_next([one.thread for one in here])
        if place.thread not in {one.thread for one in here}:
            here.insert(0, ListedConversation(place.thread, "New conversation"))
            following = ""
        return {"channels": sorted(channels), "conversations": here, "following": following}

    async def send_file(self, request: web.Request) -> web.Response:
        """A file as it was posted. Pictures are shown; whatever else it is, a browser saves it and runs nothing."""
        found = request.match_info
        number = int(found["number"]) if found["number"].isascii() and found["number"].isdigit() else -1
        file = await self._history.read_file(found["channel"], found["post"], number) if 0 <= number < 1000 else None
        if file is None:
            raise web.HTTPNotFound
        inline = file.type in SHOWN_INLINE
        disposition = f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(file.name, safe='')}"
        kind = file.type if inline else "application/octet-stream"
        return web.Response(
            body=file.content,
            headers={"Content-Type": kind, "Content-Disposition": disposition, "Content-Security-Policy": "sandbox"},
        )


def draw_words(post: PlaygroundPost) -> Markup:
    """The words of a post as HTML: of ours drawn as Markdown, of people as they wrote them."""
    if post.mine and not post.plain:
        return Markup(draw_markdown(post.text))  # noqa: S704  it was cleaned
    return Markup(f'<p class="as-written">{html.escape(post.text)}</p>')  # noqa: S704  it is escaped


def locate_file(place: PlaygroundPlace, post: PlaygroundPost, number: int) -> str:
    """The address of a file that hangs on a post."""
    return f"/playground/files/{quote(place.channel, safe='')}/{quote(post.name, safe='')}/{number}"


DRAWING: dict[str, Any] = {"draw": draw_words, "locate": locate_file, "shown_inline": SHOWN_INLINE}


def _find_title(thread: PostedThread) -> str:
    """What a conversation is called: how it began."""
    words = " ".join(parse_body(thread.begun).text.split())
    return (words if len(words) <= TITLE else f"{words[:TITLE].rstrip()}…") or f"Conversation {thread.thread}"
