"""Runs of schedules: whether one is still wanted when its turn comes, and what stands above what it says."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from core.answering.final_answer import DECLINED, Answer, refuse
from core.answering.policy import AnswerWith, Decision, Ignore, Proceed
from core.commands.registry import name_person
from core.commands.schedules.recurrence import Recurrence
from core.commands.schedules.schedule import WHY, quote_line
from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.errors import CannotAnswer, CannotShow, NoAnswer
from core.domain.messages import HEADING, Outcome, Question, Rank, Unanswered
from core.domain.platform import Platform, Surface
from core.store.protocols import Store
from core.store.records.claims import Claim
from core.store.records.schedules import Schedule, ScheduledRun, Stop

PAUSE, TRIES = 10.0, 6  # seconds before a platform that is too busy is asked again, at first; nobody waits for a run
ASKED = 5  # people who may be managers and are looked at
OWN = (Stop.PLACE, Stop.TIMES)  # who added it may mend these
BRIEF = 40  # characters of what a schedule gives that stand above a run
LIMITED = "A budget of who set this schedule has too little left for it."

Result = TypeVar("Result")

log = logging.getLogger(__name__)


async def wait_out(work: Callable[[], Awaitable[Result]], sleep: Sleep) -> Result:
    """What `work` returns, tried for some minutes while a platform is too busy to answer. Raises what it raises."""
    return await backoff.retry(work, (NoAnswer,), sleep, report=_report, first=PAUSE, tries=TRIES)


async def write_heading(run: ScheduledRun | None, question: Question, surface: Surface) -> str:
    """Which schedule it is of, for which time, what it gives, when, and by whom: the line above what a run says."""
    if run is None:
        return ""
    name = await name_person(surface, run.schedule.author)
    what = quote_line(run.schedule, BRIEF).replace("*", "")  # which would end the line's own emphasis in plain texts
    return f"*{question.values[HEADING]}: {what}, {Recurrence(run.schedule.cron).words}, by {name}*"


@dataclass(frozen=True, slots=True)
class RunCheck:
    """Decides on runs. Who added a schedule must still be in the channel, and manage it: else it stops."""

    store: Store
    platforms: Mapping[str, Platform]
    sleep: Sleep

    async def decide(self, run: ScheduledRun | None, claim: Claim, surface: Surface) -> Decision:
        """The decision on a run whose answer is not known yet. Raises CannotAnswer, CannotShow, as the surface does.

        Nothing is said where the schedule rests by now, or the run has waited for more than an hour.
        """
        if run is None or not run.schedule.active:
            return Ignore(outcome=Outcome.WITHDRAWN)
        if not Recurrence(run.schedule.cron).is_readable(run.schedule.zone):
            return await self._stop(claim, run.schedule, Stop.TIMES, surface)
        if run.late:
            log.warning("a run of a schedule has waited too long, and is skipped")
            await self.store.schedules.note_skipped(run.schedule.id, claim.question.at)
            return Ignore(outcome=Outcome.WITHDRAWN)
        if run.hopeless:
            return await self._stop(claim, run.schedule, Stop.PLACE, surface)
        why = await wait_out(lambda: self._find_reason(run.schedule, surface), self.sleep)
        return Proceed() if why is None else await self._stop(claim, run.schedule, why, surface)

    async def temper(self, answer: Answer, run: ScheduledRun | None, claim: Claim) -> Answer:
        """An answer as a whole channel reads it, if it is a run's: nothing is whispered, and no budget declines twice.

        That it does is written down all the same.
        """
        declined = answer.unanswered is Unanswered.DECLINED
        if run and declined and run.declined:
            await self.store.questions.store_final_text(claim, DECLINED)
            return Answer("", Outcome.REFUSED, unanswered=Unanswered.DECLINED)
        if run is None or not answer.whispered:
            return answer
        return replace(answer, text=LIMITED if declined else answer.text, whispered=False)

    async def _find_reason(self, schedule: Schedule, surface: Surface) -> Stop | None:
        """Why the schedule may not go on."""
        member, rank = await surface.has_member(schedule.author), await surface.rank(schedule.author)
        if rank <= Rank.GUEST:
            return Stop.LEFT_WORKSPACE
        if not member:
            return Stop.LEFT_CHANNEL
        return Stop.RANK if rank < Rank.MANAGER else None

    async def _stop(self, claim: Claim, schedule: Schedule, why: Stop, surface: Surface) -> Decision:
        """Tell a manager, else the channel, and let the schedule rest. Who dies in between tells it once more."""
        log.warning("schedule %d stops: %s", schedule.id, why.value)
        if await self._tell_somebody(schedule, why, surface) or why is Stop.PLACE:
            await self.store.schedules.stop(schedule.id, why)
            return Ignore(outcome=Outcome.WITHDRAWN)
        reason = WHY[why].format(await name_person(surface, schedule.author))
        answer = refuse(f"This schedule has stopped, for {reason}. {_tell_way(schedule, why)}")
        await self.store.questions.store_final_text(claim, answer.final_text)
        await self.store.schedules.stop(schedule.id, why)
        return AnswerWith(answer)

    async def _tell_somebody(self, schedule: Schedule, why: Stop, surface: Surface) -> bool:
        """Whether somebody who manages the channel, and reads along there, could be told alone.

        What `OWN` names is for who added it.
        """
        where = f"Schedule {schedule.number} of <#{schedule.channel}>, {Recurrence(schedule.cron).words},"
        text = f"{where} has stopped, for {WHY[why].format(f'<@{schedule.author}>')}. {_tell_way(schedule, why)}"
        try:
            people = [schedule.author] if why in OWN else await self._list_managers(schedule, surface)
            for person in people[:1]:
                await self.platforms[schedule.key.platform].tell(schedule.workspace, person, text)
                return True
        except (CannotAnswer, CannotShow) as error:
            log.warning("nobody could be told alone that a schedule has stopped: %s", error)
        return False

    async def _list_managers(self, schedule: Schedule, surface: Surface) -> list[str]:
        """Some who manage the channel now and are in it, without who added the schedule."""
        asked = [one for one in await surface.list_managers() if one != schedule.author][:ASKED]
        return [one for one in asked if await surface.has_member(one) and await surface.rank(one) >= Rank.MANAGER]


def _tell_way(schedule: Schedule, why: Stop) -> str:
    if why is Stop.TIMES:
        return f"`schedule list` in the channel shows it; `schedule remove {schedule.number}`, and add it anew."
    resume = f"`schedule resume {schedule.number}` lets it go on in the name of who says so."
    return f"`schedule list` in the channel shows it, and {resume}"


def _report(error: BaseException, seconds: float) -> None:
    log.info("a run of a schedule waits for %.0f s: %s", seconds, error)
