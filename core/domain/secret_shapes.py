"""Shapes of secrets: which words of a text may be one, and what is written in place of one by mistake. Pure."""

import re
from collections.abc import Mapping

SHORT = 20  # characters of a word that is shown whole: `Europe/Berln` helps its writer, and keys are longer
SHOWN = 4  # characters by which its writer knows a longer one again
LONG = re.compile(rf"[^\s,;'\"`()]{{{SHORT},}}[^\s,;'\"`().:]")
RUN = re.compile(r"[A-Za-z0-9]+")
WORD = re.compile(rf"[A-Z]?[a-z]{{,{SHORT}}}|[A-Z]{{,{SHORT}}}|[0-9]{{,{SHORT}}}|.{{,5}}")
"""A word, a number, or both in short: `70B`. In keys letters and digits, large and small ones, stand mixed."""
SENDABLE = re.compile(r"[!-~]+")
LOGIN = re.compile(r"postgres\w*://(?:(?P<login>[^/@]*)@[^@?]*(?:\?.*)?|(?P<unreadable>.*)@[^@]*)", re.DOTALL)
PASSWORDS = re.compile(r"[?&](?:password|sslpassword|oauth_client_secret)=([^&]*)")
SLIPS = {
    r"(?:export\s+)?[A-Z][A-Z0-9]*_[A-Z0-9_]*\s*[=:](?!=).+": "begins with a variable's name; keep what follows it",
    r"(?i:(?:[\w-]+:\s*)?(?:bearer|bot|basic|token)\s.+|(?:authorization|x-api-key):.+)": (
        "begins with words of a header; keep only what follows them"
    ),
    r"\$\w+|\$\{.*\}|\$\(.*\)|%\w+%|\{\{.*\}\}": "names another variable, which nothing replaces here; write its value",
    r"@?(?:~|\.{1,2})/.+|@?/[\w.-]+(?:/[\w.-]+)+|[A-Za-z]:\\.+|file:.+|\S+\.(?:txt|pem|env|json)|\S+/\S+\.key": (
        "is the path of a file; write what stands in that file"
    ),
    r"<.*>|.*\.\.\.|.*\u2026.*": "is an example's; write the one that was made for you",
    r"""["'`].*|.*["'`]""": "has a quote at one end; leave the quotes out",
    r".*[,;]": "ends with a comma or semicolon; leave it out",
}
"""What is written in place of a secret by mistake, and how to mend it. None of these holds a word of the secret."""
DOUBTS = {
    r"(?i:change[-_]?me|(?:.*[-_])?your[-_].+|.+[-_]here|.*x{4,})": (
        "looks like an example's; write the one that was made for you"
    ),
    r".+(?:\.\.\.|\*{3,}).+": "looks shortened in its middle, as a page shows it; copy the whole one",
    r"[\w-]+\.key": "looks like the name of a file; write what stands in that file",
    r"(.{8,})\1": "stands there twice, one behind the other; keep one",
}
"""What is perhaps written by mistake, and how to mend it: some gateway may take each of them."""


def shorten_secrets(text: str) -> str:
    """Cut each long word that is not made of words, as an address or a model's id is: `gw_l… (48 characters)`."""
    return LONG.sub(lambda found: _shorten(found[0]), text)


def explain_secret(value: str) -> str | None:
    """What is wrong with a key or token, and the mend, without a character of it; None if it may be one."""
    if slip := _match_shape(SLIPS, value):
        return slip
    if not SENDABLE.fullmatch(value):
        return "must be one word of letters, digits and signs, without blanks or line breaks in it"
    return None


def doubt_secret(value: str) -> str | None:
    """What a key or token may be by mistake, and the mend, without a character of it; None for nothing else."""
    return _match_shape(DOUBTS, value)


def _match_shape(shapes: Mapping[str, str], value: str) -> str | None:
    return next((sentence for shape, sentence in shapes.items() if re.fullmatch(shape, value)), None)


def _shorten(long: str) -> str:
    if all(WORD.fullmatch(run) for run in RUN.findall(long)):
        return long
    return f"{long[:SHOWN]}\u2026 ({len(long)} characters)"


def find_passwords(url: str) -> list[str]:
    """The passwords in the address of a database, as they stand there; also where nobody can read that address."""
    found = LOGIN.fullmatch(url)
    login = (found["login"] or found["unreadable"] or "") if found else ""
    return [one for one in (login.partition(":")[2], *PASSWORDS.findall(url)) if one]
