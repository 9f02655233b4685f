"""Places of personas: their addresses and names, who may change what there, and the page that lists them."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from aiohttp import web

from bots.web.dashboard.desk import Desk
from bots.web.dashboard.row_pages import cut_rows
from bots.web.sign_in.guard import VISIT, Visit
from core.domain.personas import Persona, Place, Version, list_settings

ADDRESS = "/dashboard/personas"
WORKSPACE = "workspace"  # in an address, in a channel's place
WORDS = {"prompts", "knowledge"}  # settings that are words, and names of files, of the channel
LISTED = 50  # places of a page
OFFERED = 200  # channels to choose from
HIDDEN = "Only who is in a channel can change its persona here."
OPERATORS = (
    "What a persona says in a channel is written by somebody who is in it, in chat or here. At the machine, "
    "`confab persona import` sets it from a file."
)


async def show_personas(desk: Desk, request: web.Request) -> web.Response:
    """Every place that has, or had, a persona of its own, or the one that somebody looks for by its channel's id."""
    visit, wanted = request[VISIT], read_channel(request.query.get("channel", ""))
    if wanted:
        raise web.HTTPSeeOther(write_address(Place(visit.workspace, wanted)))
    page = cut_rows(request, await desk.store.personas.list_places(visit.workspace), LISTED)
    found = [one for one in await desk.store.personas.newest(page.rows) if one]
    names = await desk.fetch_names(
        visit, {f"#{one.place.channel}" for one in found if one.place.channel} | {one.author for one in found}
    )
    lines = [(one, name_place(one.place, names), write_address(one.place), _list_settings(one)) for one in found]
    return desk.render(
        request, "dashboard/personas.html", lines=lines, page=page, names=names, zone=await desk.find_zone(visit)
    )


async def list_targets(desk: Desk, visit: Visit) -> Sequence[tuple[str, str]]:
    """Channels that a persona may be meant for, by id and name: those that have one, and where somebody asked."""
    places = [one.channel for one in await desk.store.personas.list_places(visit.workspace) if one.channel]
    zone = await desk.find_zone(visit)
    asked = await desk.sum_usage(visit.workspace, zone, desk.find_start("90", zone), "channel")
    channels = list(dict.fromkeys([*places, *(one.group for one in asked)]))[:OFFERED]
    names = await desk.fetch_names(visit, {f"#{one}" for one in channels})
    named = [(one, names[f"#{one}"]) for one in channels if one in places or names[f"#{one}"] != f"#{one}"]
    return sorted(named, key=lambda one: one[1].casefold())


async def reads_words(desk: Desk, visit: Visit, place: Place) -> bool:
    """Whether somebody may read what the persona of a place says."""
    return not place.channel or await desk.whois.reads(visit.identity, place.channel)


def read_channel(text: str) -> str:
    """A channel's id; empty for what no platform calls one, and no database or address can hold."""
    channel = text.strip().lstrip("#")
    return channel if channel.isprintable() else ""


def read_place(request: web.Request) -> Place:
    """The place that an address names. Raises HTTPNotFound for what can't be one."""
    channel = request.match_info["channel"]
    if not channel.isprintable():
        raise web.HTTPNotFound
    return Place(request[VISIT].workspace, "" if channel == WORKSPACE else channel)


def write_address(place: Place) -> str:
    return f"{ADDRESS}/{quote(place.channel, safe='') or WORKSPACE}"


def name_place(place: Place, names: Mapping[str, str]) -> str:
    key = f"#{place.channel}"
    return names.get(key, key) if place.channel else "The workspace"


def list_wordless(persona: Persona) -> dict[str, str]:
    """The settings that hold no words of people in the channel."""
    return {name: value for name, value in list_settings(persona).items() if name not in WORDS}


def _list_settings(version: Version) -> str:
    chosen = [f"{name} {value}" for name, value in list_wordless(version.persona).items()]
    return ", ".join(chosen) or ("none of its own" if version.persona.system else "cleared")
