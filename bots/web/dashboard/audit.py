"""The audit log: who changed what, the newest rows first, and whether the chain is whole."""

from aiohttp import web

from bots.web.dashboard.desk import Desk, read_number
from bots.web.sign_in.guard import VISIT
from bots.web.site.templates import draw_sentences
from core.commands.audit import NOBODY, tell_row
from core.rendering.names import write_name
from core.store.audit_log import AuditFault, AuditHead, AuditRow

PAGE = 50  # rows


async def show_audit(desk: Desk, request: web.Request) -> web.Response:
    """A page of rows, of all channels: ids and hashes, and no word of anybody's."""
    visit = request[VISIT]
    head = await _find_head(desk, visit.workspace)
    before = read_number(request.query.get("before", "")) or head.number + 1
    first = max(0, min(before, head.number + 1) - 1 - PAGE)
    rows = [one for one in await desk.store.audit.page(visit.workspace, first) if one.number < before][-PAGE:]
    people = {one for row in rows for one in _list_people(row)}
    channels = {f"#{row.channel}" for row in rows if row.channel}
    names = await desk.fetch_names(visit, people | channels)
    shown = {one: write_name(names[one]) for one in people} | NOBODY
    zone = await desk.find_zone(visit)
    return desk.render(
        request,
        "dashboard/audit.html",
        rows=[(row, row.read_time(), draw_sentences(tell_row(row, shown))) for row in reversed(rows)],
        names=names,
        total=head.number,
        older=rows[0].number if rows and rows[0].number > 1 else 0,
        zone=zone,
    )


async def verify_audit(desk: Desk, request: web.Request) -> web.Response:
    """Verify the whole chain, page by page, and say so."""
    visit = request[VISIT]
    head = AuditHead(visit.workspace)
    while True:
        found = await desk.store.audit.verify(head)
        if isinstance(found, AuditFault):
            return desk.go_back("/dashboard/audit", f"The log is not whole: {found.says}.", good=False)
        if found == head:
            break
        head = found
    says = f"All {head.number:,} rows are as they were written." if head.number else "There are no rows yet."
    return desk.go_back("/dashboard/audit", says)


async def _find_head(desk: Desk, workspace: str) -> AuditHead:
    return next((one for one in await desk.store.audit.heads() if one.workspace == workspace), AuditHead(workspace))


def _list_people(row: AuditRow) -> set[str]:
    subject = row.subject if row.action.startswith(("budget.", "forget")) else ""
    return {row.actor, subject, str(row.read_details().get("asker", ""))} - {"", *NOBODY}
