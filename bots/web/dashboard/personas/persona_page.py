"""The page of one persona: its words and settings as forms, its history, and what somebody changed meanwhile.

Its words are shown to who is in its channel, and to nobody else.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from bots.web.dashboard.commands import Clerk, CommandOutcome
from bots.web.dashboard.desk import Desk, read_number
from bots.web.dashboard.personas.differences import DifferenceLine, compare_lines, fold_difference
from bots.web.dashboard.personas.fields import UNFILLED, FormFilling, build_fields, read_changes
from bots.web.dashboard.personas.places import (
    HIDDEN,
    OPERATORS,
    list_wordless,
    name_place,
    read_place,
    reads_words,
    write_address,
)
from bots.web.dashboard.row_pages import cut_rows
from bots.web.sign_in.guard import VISIT, Visit
from bots.web.site.templates import draw_sentences
from core.claude.errors import ClaudeError
from core.commands.craft.persona_changes import describe_change, list_changed_settings
from core.domain.personas import Persona, Place, Version, list_settings, resolve_personas

LISTED = 25  # versions of a page
PATIENCE = 2.0  # seconds that a page waits for the list of models
FORMS = {"set": "persona set", "tune": "persona tune", "back": "persona rollback", "clear": "persona clear"}
SAME = "Nothing was changed: the form is as the persona was."
MEANWHILE = (
    "Somebody else changed this persona after you had opened it, so nothing was changed. See below what they did; what "
    "you wrote still stands in the form, and saving it again puts it in the place of theirs."
)
LOOK = "Nothing was changed: see what is said in the form."


@dataclass(frozen=True, slots=True)
class Refusal:
    """A form that changed nothing: what stood in it, which it was, and the version that it showed."""

    filling: FormFilling
    do: str
    seen: int
    meanwhile: bool


@dataclass(frozen=True, slots=True)
class PersonaPage:
    """A place as one reader sees it."""

    desk: Desk
    clerk: Clerk
    request: web.Request
    place: Place
    versions: Sequence[Version]
    readable: bool

    @property
    def visit(self) -> Visit:
        return self.request[VISIT]

    @property
    def own(self) -> Persona:
        return self.versions[0].persona if self.versions else Persona()

    @property
    def number(self) -> int:
        """Of the newest version, 0 where there was none."""
        return self.versions[0].number if self.versions else 0

    @property
    def writable(self) -> bool:
        return self.readable or self.visit.operator

    def find(self, number: int | None) -> Version | None:
        return next((one for one in self.versions if one.number == number), None)

    async def render(self, refusal: Refusal | None = None) -> web.Response:
        names = await self.desk.fetch_names(self.visit, self._list_names())
        return self.desk.render(
            self.request,
            "dashboard/persona.html",
            409 if refusal and refusal.meanwhile else 422 if refusal else 200,
            name=name_place(self.place, names),
            address=write_address(self.place),
            channel=self.place.channel,
            number=self.number,
            newest=self.versions[0] if self.versions else None,
            names=names,
            zone=await self.desk.find_zone(self.visit),
            readable=self.readable,
            writable=self.writable,
            **await self._describe_forms(refusal),
            **await self._describe_history(),
        )

    async def _describe_forms(self, refusal: Refusal | None) -> Mapping[str, object]:
        held = FormFilling({"text": self.own.system or ""})
        return {
            "settings": {} if self.writable else list_wordless(self.own),
            "files": list_settings(self.own).get("knowledge", "") if self.readable else "",
            "fields": await self._build_fields(refusal),
            "words": refusal.filling if refusal and refusal.do == "set" else held,
            "why": {refusal.do: refusal.filling.values.get("why", "")} if refusal else {},
            "refused": _tell_refusal(refusal) if refusal else "",
            "meanwhile": await self._compare_meanwhile(refusal) if refusal and refusal.meanwhile else None,
            "cleared": self.own == Persona(),
        }

    async def _describe_history(self) -> Mapping[str, object]:
        """A page of versions, each with what it has changed, and the difference of the one that was chosen."""
        before = [*(one.persona for one in self.versions[1:]), Persona()]
        page = cut_rows(self.request, list(zip(self.versions, before, strict=False)), LISTED)
        describe = describe_change if self.readable else _name_changes
        chosen = self.find(read_number(self.request.query.get("version", "")))
        return {
            "page": page,
            "changes": [(one, draw_sentences(describe(one.persona, earlier))) for one, earlier in page.rows],
            "chosen": chosen,
            "difference": await self._compare_chosen(chosen, before),
        }

    def _list_names(self) -> set[str]:
        return {one.author for one in self.versions} | ({f"#{self.place.channel}"} if self.place.channel else set())

    async def _build_fields(self, refusal: Refusal | None) -> Sequence[object]:
        wide = await self.desk.store.personas.persona(Place(self.place.workspace)) if self.place.channel else None
        around = resolve_personas([wide.persona if wide else None, self.desk.defaults])
        filling = refusal.filling if refusal and refusal.do == "tune" else UNFILLED
        return build_fields(
            self.clerk.find_row(FORMS["tune"]),
            self.own,
            around,
            await self._list_offers(),
            filling,
            wordless=not self.readable,
        )

    async def _list_offers(self) -> Mapping[str, Sequence[str]]:
        """The models and tools that may be chosen, as far as they are known at once."""
        desk, context = self.desk, self.clerk.context
        models: Sequence[str] = desk.models
        if not models and context and context.catalog:
            with suppress(ClaudeError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    models = [one.id for one in await context.catalog.list_models()]
        return {"model": models, "tools": desk.tools.names}

    async def _compare_chosen(self, chosen: Version | None, before: Sequence[Persona]) -> list[DifferenceLine] | None:
        if chosen is None or not self.readable:
            return None
        return await _compare(before[self.versions.index(chosen)], chosen.persona)

    async def _compare_meanwhile(self, refusal: Refusal) -> tuple[str, list[DifferenceLine]]:
        """What the newest version has changed of the one that a form showed: its settings, and its words."""
        seen = self.find(refusal.seen)
        before = seen.persona if seen else Persona()
        describe = describe_change if self.readable else _name_changes
        return draw_sentences(describe(self.own, before)), await _compare(before, self.own) if self.readable else []


async def open_page(desk: Desk, clerk: Clerk, request: web.Request) -> PersonaPage:
    """The place that an address names. Raises HTTPNotFound for one of which there is nothing to say."""
    visit, place = request[VISIT], read_place(request)
    versions = await desk.store.personas.versions(place)
    readable = await reads_words(desk, visit, place)
    if not versions and not readable and not visit.operator:
        raise web.HTTPNotFound
    return PersonaPage(desk, clerk, request, place, versions, readable)


async def show_persona(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """One place's persona as it is, its history, and what a version has changed."""
    return await (await open_page(desk, clerk, request)).render()


async def change_persona(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """Set the words of a persona, tune it, take it away, or bring an earlier version back."""
    page = await open_page(desk, clerk, request)
    form = {name: str(value).replace("\r\n", "\n") for name, value in (await request.post()).items()}
    do = form.get("do") or ("back" if "version" in form else "set")
    if do not in FORMS:
        raise web.HTTPBadRequest
    if not page.writable or (do == "set" and not page.readable):
        return desk.go_back(write_address(page.place), OPERATORS if page.visit.operator else HIDDEN, good=False)
    seen = read_number(form.get("seen", ""))
    values = _read_values(page, do, form, page.number if seen is None else seen)
    if values is None:
        return desk.go_back(write_address(page.place), SAME)
    told = await _give(page, do, values, form, seen)
    if told.good:
        return desk.go_back(write_address(page.place), told.says.partition("\n\n")[0])
    page = await open_page(desk, clerk, request)
    meanwhile = seen is not None and seen != page.number
    return await page.render(Refusal(FormFilling(form, told.says, told.parameter), do, seen or 0, meanwhile))


def compare_prompts(before: str, after: str) -> list[DifferenceLine]:
    """What of a system prompt is gone and what is new, with the lines around."""
    return fold_difference(list(compare_lines(before, after)))


def _read_values(page: PersonaPage, do: str, form: Mapping[str, str], seen: int) -> Mapping[str, str] | None:
    """What a form says that is to be changed; None where it tunes nothing."""
    if do == "tune":
        shown = page.find(seen)
        row = page.clerk.find_row(FORMS[do])
        return read_changes(row, shown.persona if shown else Persona(), form, wordless=not page.readable) or None
    named = {"set": "text", "back": "version"}.get(do, "")
    return {named: form.get(named, "")} if named else {}


async def _give(
    page: PersonaPage, do: str, values: Mapping[str, str], form: Mapping[str, str], seen: int | None
) -> CommandOutcome:
    fixed = {"reason": form.get("why", "")} | ({} if page.place.channel else {"where": "workspace"})
    fixed |= {} if seen is None else {"seen": str(seen)}
    return await page.clerk.give(page.visit, FORMS[do], {**values, **fixed}, page.place.channel)


def _tell_refusal(refusal: Refusal) -> str:
    if refusal.meanwhile:
        return MEANWHILE
    return LOOK if refusal.filling.parameter and refusal.do in {"set", "tune"} else refusal.filling.says


def _name_changes(persona: Persona, before: Persona) -> str:
    """What a version has changed, without the values."""
    changed = ["system prompt"] if persona.system != before.system else []
    return ", ".join([*changed, *list_changed_settings(persona, before)]) or "nothing"


async def _compare(before: Persona, after: Persona) -> list[DifferenceLine]:
    return await asyncio.to_thread(compare_prompts, before.system or "", after.system or "")
