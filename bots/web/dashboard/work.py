"""Schedules and batches of a workspace, without their words, and forms that pause, remove and cancel them."""

from aiohttp import web

from bots.web.dashboard.commands import Clerk
from bots.web.dashboard.desk import Desk, read_number
from bots.web.dashboard.figures.live import REREAD
from bots.web.dashboard.row_pages import cut_rows
from bots.web.sign_in.guard import VISIT, Visit
from bots.web.site.templates import write_number
from core.billing.budgets import dollars
from core.commands.schedules.recurrence import Recurrence
from core.store.records.jobs import Job, JobState
from core.store.records.reports.live import Pulse
from core.store.records.schedules import Schedule

ADDRESS = "/dashboard/work"
LISTED = 25  # of each that a page shows
FORMS = {
    "pause": "schedule pause",
    "resume": "schedule resume",
    "remove": "schedule remove",
    "cancel": "batch cancel",
}
DONE = {
    "pause": "Schedule {} is paused.",
    "resume": "Schedule {} goes on.",
    "remove": "Schedule {} is removed.",
}
"""What is said of a schedule: the command's own sentence quotes words of its channel."""
TAKEN_OVER = (
    "Schedule {} stopped because nobody can be asked in the name of who set it up. Who lets it go on takes it over, "
    "so that has to be a person of the platform: by `schedule resume {}` in its channel, or signed in here from chat."
)
STATES = {
    JobState.OFFERED: "waits to be started",
    JobState.STARTED: "runs",
    JobState.ENDED: "ended, its results are being posted",
    JobState.CLOSED: "done",
}


async def show_work(desk: Desk, request: web.Request) -> web.Response:
    """Every schedule and the newest batches: when and by whom, and no word of what they say."""
    visit = request[VISIT]
    zone = await desk.find_zone(visit)
    pulse = await desk.take_pulse(visit, zone)
    schedules = cut_rows(request, await desk.store.reports.list_schedules(visit.workspace), LISTED, "schedules")
    batches = cut_rows(request, pulse.jobs, LISTED, "batches")
    people = {one.author for one in schedules.rows} | {one.person for one in batches.rows}
    channels = {f"#{one.channel}" for one in schedules.rows} | {f"#{one.key.channel}" for one in batches.rows}
    return desk.render(
        request,
        "dashboard/work.html",
        schedules=[
            (one, Recurrence(one.cron).words, describe_kind(one), describe_stand(one)) for one in schedules.rows
        ],
        schedule_page=schedules,
        batches=[(one, describe_batch(one)) for one in batches.rows],
        batch_page=batches,
        names=await desk.fetch_names(visit, people | channels),
        live=describe_pulse(visit, pulse),
        zone=zone,
    )


async def change_work(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """Give the command that a form names, for a schedule or a batch of a channel."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    do, number, channel = form.get("do", ""), read_number(form.get("number", "")), form.get("channel", "")
    if do not in FORMS or number is None or not channel:
        raise web.HTTPBadRequest
    visit = request[VISIT]
    if do == "resume" and visit.operator and await _is_stopped(desk, visit, channel, number):
        return desk.go_back(ADDRESS, TAKEN_OVER.format(number, number), good=False)
    told = await clerk.give(visit, FORMS[do], {"number": str(number)}, channel)
    return desk.go_back(ADDRESS, DONE[do].format(number) if told.good and do in DONE else told.says, good=told.good)


async def _is_stopped(desk: Desk, visit: Visit, channel: str, number: int) -> bool:
    found = await desk.store.reports.list_schedules(visit.workspace)
    return any(one.stopped for one in found if (one.channel, one.number) == (channel, number))


def describe_pulse(_visit: Visit, pulse: Pulse) -> dict[str, str]:
    """How far each batch is; which ones there are is more than a figure."""
    told = {REREAD: " ".join(str(one.id) for one in pulse.jobs)}
    for one in pulse.jobs:
        done = pulse.done.get(one.id, 0) if one.state in (JobState.OFFERED, JobState.STARTED) else one.rows
        told[f"done-{one.id}"] = write_number(done)
        told[f"state-{one.id}"] = describe_batch(one)
        told[f"failed-{one.id}"] = write_number(one.failed)
        told[f"cost-{one.id}"] = dollars(one.cost) if one.cost is not None else "not known"
    return told


def describe_kind(schedule: Schedule) -> str:
    """What a schedule gives: a command by its first word, which is ours; a prompt's words stay in its channel."""
    return "a prompt" if schedule.prompt else f"`{schedule.line.split()[0]}`" if schedule.line.split() else "nothing"


def describe_stand(schedule: Schedule) -> str:
    return "stopped" if schedule.stopped else "paused" if schedule.paused else "active"


def describe_batch(job: Job) -> str:
    return "cancelled" if job.canceled else STATES.get(job.state, job.state.value)
