"""Refusals of times: what people say in the place of times that a schedule can have, and what they are told."""

import re

SHOWN = 60  # characters of words that are quoted
FORMS = (
    "`every day at 9`, `every weekday 9:00`, `every monday and thursday 14:30`, `every hour`, "
    "`every first monday of the month at 10`, `monthly on the 15th`, or cron's `30 9 * * 1-5`"
)

ONCE = (
    "A schedule comes again and again, and nothing is posted for one time only. Say how it comes again, as in "
    "`every day at 10` or `every monday at 9`."
)
WEEKS = (
    "Schedules leave out no weeks. Near to every two weeks is `every first and third monday of the month at 9`; each "
    "week is `every monday at 9`."
)
SOME_DAYS = "Schedules leave out no days but by their names: `every monday, wednesday and friday at 9`."
COUNTED = "Say at which times: `every day at 9 and 17`, or `every monday and thursday at 9`."
NEVER = "`{}` names a day that never comes."
YEARS = (
    "Cron says it: `0 9 1 1,4,7,10 *` is the first day of each quarter at 9:00, and `0 9 1 1 *` the first of a year."
)

_NUMBER = r"(?:\d+|two|three|four|other|second|third)"
KNOWN = (
    (re.compile(rf"(?:(?:every|each) )?(?:{_NUMBER} weeks?|other \w+day|fortnight\w*|bi-?weekly)\b"), WEEKS),
    (re.compile(rf"(?:every|each) (?:{_NUMBER} days?|(?:second|third) day)\b"), SOME_DAYS),
    (re.compile(r"(?:once|twice|thrice|(?:\d+|two|three|four) times) (?:a|per|every|each) "), COUNTED),
    (re.compile(rf"(?:quarterly|yearly|annually|(?:every|each) (?:quarter|year|{_NUMBER} months?))\b"), YEARS),
    (
        re.compile(
            r"(?:at \S+ )?(?:tomorrow|today|tonight|now|once|next (?!to\b)|this |later|in (?:\d+|an?|a few|half)\b"
            r"|(?:on )?\d{4}-\d\d-\d\d)"
        ),
        ONCE,
    ),
)
"""What people say in the place of times, and what they are told."""


def explain_unread(words: str) -> str:
    """Why words are no times, and what would do; for what people say often, what is near to it."""
    text = " ".join(words.casefold().split())
    for pattern, sentence in KNOWN:
        if pattern.match(text):
            return sentence
    return f"I can't read `{shorten(words)}` as times. Write them like {FORMS}."


def explain_part(said: str, rest: str) -> str:
    """That only a part of words could be read as times."""
    return (
        f"I read only `{shorten(said)}` as times, and not `{shorten(rest)}`. Put the times in quotation marks: "
        f'`schedule add "every day at 9" summarize`. They are written like {FORMS}.'
    )


def shorten(words: str) -> str:
    """Words as they stand in code, on one line; where they are long, their beginning up to the end of a word."""
    line = " ".join(words.replace("`", "'").split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN].rpartition(' ')[0] or line[:SHOWN]} …"
