"""Schedules and batches of a workspace, without their words, and forms that pause, remove and cancel them."""

from aiohttp import web

from bots.web.dashboard.commands import Clerk
from bots.web.dashboard.desk import Desk, read_number
from bots.web.dashboard.live import REREAD
from bots.web.sign_in.guard import VISIT, Visit
from bots.web.site.templates import write_number
from core.billing.budgets import dollars
from core.commands.schedules.recurrence import Recurrence
from core.store.records.jobs import Job, JobState
from core.store.records.reports.live import Pulse
from core.store.records.schedules import Schedule

ADDRESS = "/dashboard/work"
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
    zone = await desk.find_zone(visit)
    pulse = await desk.take_pulse(visit, zone)
    batches = pulse.jobs
    people = {one.author for one in schedules} | {one.person for one in batches}
    channels = {f"#{one.channel}" for one in schedules} | {f"#{one.key.channel}" for one in batches}
    return desk.render(
        request,
        "dashboard/work.html",
        schedules=[(one, Recurrence(one.cron).words, describe_kind(one), describe_stand(one)) for one in schedules],
        batches=[(one, describe_batch(one)) for one in batches],
        names=await desk.fetch_names(visit, people | channels),
        live=describe_pulse(visit, pulse),
        zone=zone,
    )


async def change_work(desk: Desk, clerk: Clerk, request: web.Request) -> web.Response:
    """Give the command that a form names, for a schedule or a batch of a channel."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    words, number = FORMS.get(form.get("do", "")), read_number(form.get("number", ""))
    if words is None or number is None or not form.get("channel"):
        raise web.HTTPBadRequest
    good, says = await clerk.give(request[VISIT], words, {"number": str(number)}, form["channel"])
    return desk.go_back(ADDRESS, says, good=good)


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
