"""Pages of the library: personas that are ready to use, each with what it says and a form that gives it to a place."""

from urllib.parse import quote

from aiohttp import web

from bots.web.dashboard.commands import Clerk
from bots.web.dashboard.desk import Desk
from bots.web.dashboard.personas.places import HIDDEN, WORKSPACE, list_targets, read_channel, reads_words, write_address
from bots.web.dashboard.row_pages import cut_rows
from bots.web.sign_in.guard import VISIT
from core.commands.craft.library import find_unknown_tools
from core.domain.personas import Place
from core.library.persona_files import PersonaFile

ADDRESS = "/dashboard/library"
LISTED = 50  # personas of a page
PROBLEMS = 20  # files of the operator's that are said to be wrong
NAMELESS = "Choose a channel, or name one by its id."


async def show_library(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """Every persona with what it is for; to who manages the workspace also which files can't be used."""
    visit, context = request[VISIT], clerk.find_context()
    shelf = await context.library.read()
    page = cut_rows(request, shelf.personas, LISTED)
    problems = [*shelf.problems, *find_unknown_tools(shelf, context.tools)] if visit.owner else []
    channel = read_channel(request.query.get("channel", ""))
    query = f"?channel={quote(channel, safe='')}" if channel else ""
    return desk.render(
        request,
        "dashboard/library.html",
        page=page,
        lines=[(one, f"{_write_page_address(one)}{query}", one.name in shelf.own) for one in page.rows],
        problems=problems[:PROBLEMS],
        more=len(problems) - PROBLEMS,
    )


async def show_library_persona(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """What one says, and where it may be used."""
    visit, file = request[VISIT], await _find_file(clerk, request)
    targets = await list_targets(desk, visit) if visit.owner else ()
    chosen = read_channel(request.query.get("channel", ""))
    return desk.render(
        request,
        "dashboard/library_persona.html",
        file=file,
        address=_write_page_address(file),
        targets=targets,
        chosen=chosen,
        named="" if chosen in {one for one, _ in targets} else chosen,
    )


async def use_library_persona(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """Give a place this persona, as `persona use` does."""
    visit, file = request[VISIT], await _find_file(clerk, request)
    form = {name: str(value) for name, value in (await request.post()).items()}
    where = form.get("channel", "").strip().lstrip("#") or form.get("where", "")
    if not where:
        return desk.go_back(_write_page_address(file), NAMELESS, good=False)
    place = Place(visit.workspace, "" if where == WORKSPACE else where)
    if not visit.operator and not await reads_words(desk, visit, place):
        return desk.go_back(_write_page_address(file), HIDDEN, good=False)
    fixed = {} if place.channel else {"where": WORKSPACE}
    told = await clerk.give(
        visit, "persona use", {"name": file.name, "reason": form.get("why", ""), **fixed}, place.channel
    )
    address = write_address(place) if told.good else _write_page_address(file)
    return desk.go_back(address, told.says.partition("\n\n")[0], good=told.good)


async def _find_file(clerk: Clerk, request: web.Request) -> PersonaFile:
    """The persona that an address names. Raises HTTPNotFound."""
    shelf = await clerk.find_context().library.read()
    name = request.match_info["name"]
    found = next((one for one in shelf.personas if one.name == name), None)
    if found is None:
        raise web.HTTPNotFound
    return found


def _write_page_address(file: PersonaFile) -> str:
    return f"{ADDRESS}/{quote(file.name, safe='')}"
