"""The times that prompts tell, taken away where a test is about the words."""

import re

CLOCK = re.compile(r"^\[\w+day, \d[^\]\n]*\]\n", re.MULTILINE)


def without_times(text: str) -> str:
    return CLOCK.sub("", text)
