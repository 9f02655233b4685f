"""Schedules and batches of a workspace, without their words, and forms that pause, remove and cancel them."""

from aiohttp import web

from bots.web.dashboard.commands import Clerk
from bots.web.dashboard.desk import Desk, read_number
from bots.web.sign_in.guard import VISIT
from core.commands.schedules.recurrence import Recurrence
from core.store.records.jobs import Job, JobState
from core.store.records.schedules import Schedule

ADDRESS = "/dashboard/work"
BATCHES = 100
FORMS = {
    "pause": "schedule pause",
    "resume": "schedule resume",
    "remove": "schedule remove",
    "cancel": "batch cancel",
}
STATES = {
    JobState.OFFERED: "waits to be started",
    JobState.STARTED: "runs",
    JobState.ENDED: "ended, its results are being posted",
    JobState.CLOSED: "done",
}


async def show_work(desk: Desk, request: web.Request) -> web.Response:
    """Every schedule and the newest batches: when and by whom, and no word of what they say."""
    visit = request[VISIT]
    schedules = await desk.store.reports.list_schedules(visit.workspace)
    batches = await desk.store.reports.list_jobs(visit.workspace, BATCHES)
    people = {one.author for one in schedules} | {one.person for one in batches}
    channels = {f"#{one.channel}" for one in schedules} | {f"#{one.key.channel}" for one in batches}
    return desk.render(
        request,
        "dashboard/work.html",
        schedules=[(one, Recurrence(one.cron).words, describe_kind(one), describe_stand(one)) for one in schedules],
        batches=[(one, describe_batch(one)) for one in batches],
        names=await desk.fetch_names(visit, people | channels),
        zone=await desk.find_zone(visit),
    )


async def change_work(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """Give the command that a form names, for a schedule or a batch of a channel."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    words, number = FORMS.get(form.get("do", "")), read_number(form.get("number", ""))
    if words is None or number is None or not form.get("channel"):
        raise web.HTTPBadRequest
    good, says = await clerk.give(request[VISIT], words, {"number": str(number)}, form["channel"])
    return desk.go_back(ADDRESS, says, good=good)


def describe_kind(schedule: Schedule) -> str:
    """What a schedule gives: a command by its first word, which is ours; a prompt's words stay in its channel."""
    return "a prompt" if schedule.prompt else f"`{schedule.line.split()[0]}`" if schedule.line.split() else "nothing"


def describe_stand(schedule: Schedule) -> str:
    return "stopped" if schedule.stopped else "paused" if schedule.paused else "active"


def describe_batch(job: Job) -> str:
    return "cancelled" if job.canceled else STATES.get(job.state, job.state.value)
