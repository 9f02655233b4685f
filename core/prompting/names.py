"""Names: display names sanitised, told apart, and put in the place of ids (mentions of people, groups, channels)."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache

# Sides of a prompt: no person is called so alone.
SIDES = ("claude", "confab", "anthropic", "assistant", "human", "system", "user")
OURS = "Claude"  # as long as the platform does not say how we are shown
NAME = 60  # characters of a speaker's name
READ = 500  # characters of one that are looked at
BOT = "(bot)"  # after the name of a bot; no name can have it
ODD = "(look-alike letters)"  # after a name that mixes scripts in one word, or looks like another only by its letters

MENTION = re.compile(r"<@([^\s<>@]+)>")
_ID = re.compile(r"<@([^\s<>@]+)>|<(#[^\s<>#]+)>")
_COLONS = "\u02d0\u02f8\u0589\u05c3\u0703\u0704\u16ec\u1803\u1809\u205a\u2236\u2982\ua4fd\ua789\ufe30"  # look like one
_UNSAFE = re.compile(rf"[:\[\]<>@`*_~|\\{_COLONS}]")
_TAG = re.compile(r"\(([^()]*)\)")
_ALIKE = str.maketrans({"I": "l", "|": "l", '"': "''", "`": "'"})  # ASCII, as the library has it
_BRACKETS = {"Ps": "(", "Pe": ")"}
_RESERVED = {"bot", "app", "lookalikeletters"}
# What shows nothing and is no control or format character: joiners, fillers, variation selectors, the blank of Braille.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def find_ids(text: str) -> set[str]:
    """The ids of the people and groups that a text mentions, and of channels, as `#ID`."""
    return {person or channel for person, channel in _ID.findall(text)}


def replace_ids(text: str, names: Mapping[str, str]) -> str:
    """`text` with names in the place of ids: `<@U1>` is `@Ada`, `<#C1>` is `#dev`. An unknown id stays, in its mark."""

    def name(found: re.Match[str]) -> str:
        person, channel = found.groups()
        return f"@{names.get(person, person)}" if person else f"#{names.get(channel, channel[1:])}"

    return _ID.sub(name, text)


def introduce_speakers(
    told: Mapping[str, str], people: Iterable[str], shown: Mapping[str, str], us: str = ""
) -> dict[str, str]:
    """Unique names for those who have none in `told` yet, from the display names `shown` by the platform.

    Names lose what could break a line or look like a heading, and a second Ada becomes `Ada (2)`, also if she
    writes herself with letters that only look alike; who is called like a side of the prompt becomes `System (2)`.
    `us` is our own id among `people`: we keep our name, and no person can have it. Channels, `#ID`, keep theirs too.
    """
    unknown = set(people) - set(told)
    introduced = {us: clean_name(shown.get(us, "")) or OURS} if us in unknown else {}
    known = [*SIDES, *(name.removesuffix(f" {ODD}") for name in told.values()), *introduced.values()]
    taken = {key for name in known for key in _fold_name(name)}
    plain = {name.casefold() for name in (*SIDES, *told.values(), *introduced.values())}
    numbers: Counter[str] = Counter()  # of the namesakes of each; who has ten thousand is not counted up to each time
    for person in sorted(unknown - introduced.keys()):
        if person.startswith("#"):
            introduced[person] = clean_name(shown.get(person, "")) or clean_name(person[1:]) or "channel"
            continue
        name = clean_name(shown.get(person, "")) or clean_name(person) or "someone"
        unique = name
        while not taken.isdisjoint(_fold_name(unique)):
            numbers[name] += 1
            unique = f"{name} ({numbers[name] + 1})"
        taken |= _fold_name(unique)
        borrowed = unique != name and name.casefold() not in plain and _is_confusable(name)
        odd = borrowed or _has_odd_word(name)
        introduced[person] = f"{unique} {ODD}" if odd else unique
        plain.add(introduced[person].casefold())
    return introduced


def clean_name(name: str) -> str:
    """`name` sanitised: on one line, without what a reader or Claude could take for markup, a mention or a heading."""
    normal = _BLANK.sub("", unicodedata.normalize("NFKC", name[:READ]))
    visible = "".join(_replace_unseen(character) for character in normal)
    return " ".join(_remove_tags(_UNSAFE.sub(" ", visible)).split())[:NAME].strip()


def _replace_unseen(character: str) -> str:
    """A format character is nothing, another control or a space of any kind is a space."""
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category[0] in "CZ" else character


def _remove_tags(name: str) -> str:
    """`name` without the brackets, of whatever shape and however many, around what would be a mark of ours."""
    plain = "".join(_BRACKETS.get(unicodedata.category(character), character) for character in name)
    tags = [tag for tag in _TAG.finditer(plain) if _is_reserved(tag[1])]
    dropped = {at for tag in tags for at in (tag.start(), tag.end() - 1)}
    rest = "".join(character for at, character in enumerate(name) if at not in dropped)
    return _remove_tags(rest) if dropped else rest  # which may have stood in brackets of its own


def _is_reserved(words: str) -> bool:
    """Whether words in brackets would be a mark of ours, also written with a zero for an o."""
    return re.sub(r"\W", "", _fold_letters(words)).replace("0", "o") in _RESERVED


def _has_odd_word(name: str) -> bool:
    """Whether a word of it mixes scripts with letters that look like others."""
    return any(_is_confusable(word, mixed=True) for word in name.split())


@lru_cache(maxsize=1_000)
def _fold_name(name: str) -> AbstractSet[str]:
    """Two names that a reader takes for the same have a key in common: case and look-alike letters make no difference.

    Both with the case folded first and last: a capital I looks like l, a small i does not.
    """
    return {"".join(_fold_letters(form).split()) for form in (name, name.casefold())}


def _fold_letters(text: str) -> str:
    """The same for all that looks alike, in lower case."""
    if text.isascii() and text.isprintable():
        return text.translate(_ALIKE).lower()
    from disarm import skeleton_key  # noqa: PLC0415  tables of all letters there are, which ASCII does without

    return skeleton_key(text)


def _is_confusable(text: str, *, mixed: bool = False) -> bool:
    """Whether letters of it look like others; where it must be `mixed`, those of several scripts."""
    if text.isascii():
        return False
    from disarm import security  # noqa: PLC0415  see above

    return (not mixed or security.is_mixed_script(text)) and security.is_confusable(text)
