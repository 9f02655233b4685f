"""Rounds: questions of the past that are asked again, each answered under one persona or more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.commands.batches.inquiry import AskedRequest, EndedInquiry, InquiryAnswer, ensure_answered
from core.commands.craft.task import ENDINGS, TaskRun, explain_end
from core.commands.trials.answers import TriedAnswer, answer_turns, build_trial, read_tried, write_cost
from core.commands.trials.draft import Candidate
from core.domain.errors import CannotAnswer, ConfabError
from core.domain.messages import MadeFile
from core.domain.wording import count_noun
from core.rendering.names import write_name
from core.rendering.strip_marks import strip_marks
from core.store.records.trials import PastQuestion

LOOKED = 20  # questions of a channel for each that is wanted: not all may be read by everybody
SEEN = 400  # characters of an answer of which a table shows the beginning
NOTHING = "Nothing was asked here that I could ask again. Ask something first, then try a persona."
GONE = "What was asked here is gone, so it can't be asked again."


class ThreadGone(ConfabError):
    """What stood above a question can't be read any more."""


def _tell_nothing(_past: PastQuestion) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Round:
    """A question of the past, and what each candidate answers to it."""

    past: PastQuestion
    answers: tuple[TriedAnswer, ...]


async def list_past_questions(run: TaskRun, last: int, *, whole: bool) -> list[PastQuestion]:
    """The newest of this thread that can be asked again, or of the `whole` channel those that their giver may read.

    Oldest first. Raises CannotAnswer where there is none.
    """
    key = run.question.key
    place = replace(key, thread="") if whole else key
    found = await run.store.trials.list_questions(place, last * LOOKED if whole else last)
    threads = {one.question.key.thread: one.rooted for one in found}
    readable = await run.surface.list_readable(run.question.person, threads) if threads else frozenset()
    past = [one for one in found if one.question.key.thread in readable]
    run.read.update({name: rooted for name, rooted in threads.items() if name in readable})
    if not past:
        raise CannotAnswer(NOTHING)
    return past[-last:]


async def answer_rounds(
    run: TaskRun, past: Sequence[PastQuestion], candidates: Sequence[Candidate], *, cached: bool = False
) -> tuple[list[Round], str]:
    """Each question, answered by each candidate as its thread stood then; and why some are missing.

    What is answered already is not lost where a stop, a budget or Claude ends it. Raises CannotAnswer, ClaudeError,
    TaskStopped where nothing is.
    """
    rounds: list[Round] = []
    gone, stopped = 0, ""
    for number, one in enumerate(past, 1):
        run.act(f"answering question {number} of {len(past)}")
        try:
            told = [await run.read_turns(one, each.whole) for each in candidates]
        except CannotAnswer:
            gone += 1
            continue
        try:
            answers = [
                await answer_turns(run, each.whole, turns, each.version, cached=cached)
                for each, turns in zip(candidates, told, strict=True)
            ]
        except ENDINGS as error:
            if not rounds:
                raise
            stopped = f"I stopped before question {number}: {explain_end(error)}"
            break
        rounds.append(Round(one, tuple(answers)))
    if not rounds:
        raise CannotAnswer(GONE)
    return rounds, " ".join(filter(None, (tell_gone(gone), stopped)))


async def collect_rounds(
    run: TaskRun,
    past: Sequence[PastQuestion],
    candidates: Sequence[Candidate],
    tell: Callable[[PastQuestion], Mapping[str, Any]] = _tell_nothing,
) -> tuple[list[AskedRequest], int]:
    """What asks each question of each candidate, with what `tell` tells of it; how many can't be read any more.

    Raises CannotAnswer where none can.
    """
    requests: list[AskedRequest] = []
    gone = 0
    for number, one in enumerate(past, 1):
        run.act(f"reading question {number} of {len(past)}")
        about = {"round": number, "words": one.words, **tell(one)}
        thread = await run.store.threads.thread(one.question.key)
        own = [one.question.name, *(page.id for page in thread.messages if page.answers == one.question.name)]
        try:
            requests += [await _collect(run, one, each, about, own) for each in candidates]
        except ThreadGone:
            gone += 1
    if not requests:
        raise CannotAnswer(GONE)
    return requests, gone


async def _collect(
    run: TaskRun, past: PastQuestion, candidate: Candidate, about: Mapping[str, Any], own: Sequence[str]
) -> AskedRequest:
    """`own` are the messages of the question and of what stands as its answer."""
    try:
        turns = await run.read_turns(past, candidate.whole)
    except CannotAnswer as error:
        raise ThreadGone from error
    request = await build_trial(run, candidate.whole, turns)
    told = dict.fromkeys([*own, *(name for turn in turns for name in turn.messages)])
    return AskedRequest(request, {**about, "model": request.model}, tuple(told))


def read_rounds(ended: EndedInquiry, width: int) -> list[tuple[Mapping[str, Any], list[TriedAnswer]]]:
    """The answers of each round that is there whole, with what it is about. Raises CannotAnswer where there is none."""
    ensure_answered(ended)
    rounds: dict[int, list[InquiryAnswer]] = {}
    for one in ended.answers:
        rounds.setdefault(one.about["round"], []).append(one)
    found = [
        (answers[0].about, [read_tried(one, one.about["model"]) for one in answers])
        for _, answers in sorted(rounds.items())
        if len(answers) == width
    ]
    if not found:
        raise CannotAnswer(GONE)
    return found


def tell_gone(gone: int) -> str:
    """That so many questions could not be asked again; nothing where all could."""
    return f"{count_noun(gone, 'question')} could not be read any more." if gone else ""


def write_table(names: Sequence[str], rows: Sequence[tuple[str, Sequence[TriedAnswer]]]) -> str:
    """A line for each question with the beginnings of its answers, and below them what all have cost."""
    lines = [[write_name(words), *(_begin(one.text) for one in answers)] for words, answers in rows]
    columns = list(zip(*(answers for _, answers in rows), strict=True))
    lines.append(["**cost**", *(sum_costs(column) for column in columns)])
    lines.append(["**words, on average**", *(f"{_count_words(column):,}" for column in columns)])
    head = [["question", *names], ["---"] * (len(names) + 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (*head, *lines))


def write_file(
    name: str, title: str, names: Sequence[str], rows: Sequence[tuple[str, Sequence[TriedAnswer]]]
) -> MadeFile:
    """All of the questions and their answers, whole."""
    parts = [f"# {title}"]
    for number, (words, answers) in enumerate(rows, 1):
        parts += [f"## {number}", _quote(words)]
        for called, one in zip(names, answers, strict=True):
            model = f"{one.model}, " if one.model else ""
            parts += [f"### {called} ({model}{one.cost})", one.text.strip()]
    return MadeFile(name, "text/markdown", "\n\n".join(parts) + "\n")


def sum_costs(answers: Sequence[TriedAnswer]) -> str:
    """What they have cost together."""
    known = [one.micro_usd for one in answers if one.micro_usd is not None]
    return write_cost(sum(known) if len(known) == len(answers) else None)


def _begin(text: str) -> str:
    """The beginning of an answer, as a cell."""
    return write_name(" ".join(map(strip_marks, text[:SEEN].split("\n"))))


def _count_words(answers: Sequence[TriedAnswer]) -> int:
    return round(sum(len(one.text.split()) for one in answers) / len(answers))


def _quote(words: str) -> str:
    return "\n".join(f"> {line}" for line in words.split("\n"))
