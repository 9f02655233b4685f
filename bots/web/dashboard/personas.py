"""Personas: where which is set, its history, and what differs; a form edits one or brings an earlier version back.

Their words are shown to who is in their channel, and to nobody else.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from bots.web.dashboard.commands import Clerk
from bots.web.dashboard.desk import Desk, read_number
from bots.web.sign_in.guard import VISIT
from bots.web.site.templates import mark_code
from core.commands.craft.persona_changes import describe_change, list_changed_settings
from core.domain.personas import Persona, Place, Version, list_settings

ADDRESS = "/dashboard/personas"
WORKSPACE = "workspace"  # in an address, in a channel's place
HIDDEN = "Only who is in a channel can change its persona here."
WORDS = {"prompts", "knowledge"}  # settings that are words, and names of files, of the channel
LISTED = 200  # versions of a history
LONGEST = 4_000  # lines of a persona that are compared


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """A line of a difference: what became of it is `added`, `removed` or `same`."""

    kind: str
    text: str


async def show_personas(desk: Desk, request: web.Request) -> web.Response:
    """Every place that has, or had, a persona of its own."""
    visit = request[VISIT]
    places = await desk.store.personas.list_places(visit.workspace)
    versions = await desk.store.personas.newest(places)
    found = [one for one in versions if one]
    names = await desk.fetch_names(
        visit, {f"#{one.place.channel}" for one in found if one.place.channel} | {one.author for one in found}
    )
    lines = [(one, _name_place(one.place, names), _write_address(one.place), _list_settings(one)) for one in found]
    return desk.render(request, "dashboard/personas.html", lines=lines, names=names, zone=await desk.find_zone(visit))


async def show_persona(desk: Desk, request: web.Request) -> web.Response:
    """One place's persona as it is, its history, and what a version has changed."""
    visit, place = request[VISIT], _read_place(request)
    versions = await desk.store.personas.versions(place)
    if not versions:
        raise web.HTTPNotFound
    names = await desk.fetch_names(
        visit, {one.author for one in versions} | ({f"#{place.channel}"} if place.channel else set())
    )
    readable = not place.channel or await desk.whois.reads(visit.identity, place.channel)
    before = [*(one.persona for one in versions[1:]), Persona()]
    describe = describe_change if readable else _name_changes
    changes = [mark_code(describe(one.persona, earlier)) for one, earlier in zip(versions, before, strict=True)]
    chosen = _choose_version(request, versions)
    difference = _compare(before[versions.index(chosen)], chosen.persona) if chosen and readable else None
    return desk.render(
        request,
        "dashboard/persona.html",
        name=_name_place(place, names),
        address=_write_address(place),
        newest=versions[0],
        settings=list_settings(versions[0].persona) if readable else list_wordless(versions[0].persona),
        readable=readable,
        versions=list(zip(versions, changes, strict=True))[:LISTED],
        chosen=chosen,
        difference=difference,
        names=names,
        zone=await desk.find_zone(visit),
    )


async def change_persona(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """Set the words of a persona, or bring an earlier version back."""
    visit, place = request[VISIT], _read_place(request)
    if place.channel and not await desk.whois.reads(visit.identity, place.channel):
        return desk.go_back(_write_address(place), HIDDEN, good=False)
    form = {name: str(value) for name, value in (await request.post()).items()}
    values = {"reason": form.get("why", "")} | ({} if place.channel else {"where": WORKSPACE})
    words, name = ("persona rollback", "version") if "version" in form else ("persona set", "text")
    values[name] = form.get(name, "").replace("\r\n", "\n")
    good, says = await clerk.give(visit, words, values, place.channel)
    return desk.go_back(_write_address(place), says.partition("\n\n")[0] if good else says, good=good)


def compare_lines(before: str, after: str) -> Iterator[DifferenceLine]:
    """What of a text is gone and what is new, line by line, with all that stayed."""
    one, two = before.splitlines()[:LONGEST], after.splitlines()[:LONGEST]
    for kind, first, last, other, end in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from (DifferenceLine("same", text) for text in one[first:last])
        else:
            yield from (DifferenceLine("removed", text) for text in one[first:last])
            yield from (DifferenceLine("added", text) for text in two[other:end])


def list_wordless(persona: Persona) -> dict[str, str]:
    """The settings that hold no words of people in the channel."""
    return {name: value for name, value in list_settings(persona).items() if name not in WORDS}


def _name_changes(persona: Persona, before: Persona) -> str:
    """What a version has changed, without the values."""
    changed = ["system prompt"] if persona.system != before.system else []
    return ", ".join([*changed, *list_changed_settings(persona, before)]) or "nothing"


def _compare(before: Persona, after: Persona) -> list[DifferenceLine]:
    return list(compare_lines(before.system or "", after.system or ""))


def _choose_version(request: web.Request, versions: Sequence[Version]) -> Version | None:
    number = read_number(request.query.get("version", ""))
    return next((one for one in versions if one.number == number), None)


def _read_place(request: web.Request) -> Place:
    channel = request.match_info["channel"]
    return Place(request[VISIT].workspace, "" if channel == WORKSPACE else channel)


def _write_address(place: Place) -> str:
    return f"{ADDRESS}/{quote(place.channel, safe='') or WORKSPACE}"


def _name_place(place: Place, names: Mapping[str, str]) -> str:
    key = f"#{place.channel}"
    return names.get(key, key) if place.channel else "The workspace"


def _list_settings(version: Version) -> str:
    chosen = [f"{name} {value}" for name, value in list_wordless(version.persona).items()]
    return ", ".join(chosen) or ("none of its own" if version.persona.system else "cleared")
