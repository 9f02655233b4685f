"""Speakers are introduced once, by names that nobody can borrow."""

import re
from itertools import product

import pytest
from disarm import skeleton_key
from hypothesis import given
from hypothesis import strategies as st

from core.prompting import names
from core.prompting.names import find_ids, introduce_speakers, replace_ids

PEOPLE = st.text(min_size=1, max_size=5).filter(lambda person: not person.startswith("#"))  # which channels do


@given(st.dictionaries(PEOPLE, st.text(max_size=80), max_size=6))
def test_names_are_one_plain_line_and_differ(shown):
    names = introduce_speakers({"U1": "Ada"}, shown, shown)

    assert set(names) == set(shown) - {"U1"}
    everybody = [*names.values(), "Ada", "Claude"]
    assert len({name.casefold() for name in everybody}) == len(everybody)
    assert not [name for name in names.values() if not name or re.search(r"[:\[\]\n\r\u2028\u200b<>@]", name)]


def test_names_of_ascii_look_alike_where_the_library_says_so():
    letters = "iIlLO01'"
    names = [*letters, *(one + other for one, other in product(letters, repeat=2))]
    keys = {name: {"".join(skeleton_key(form).split()) for form in (name, name.casefold())} for name in names}
    alike = [(one, other) for one, other in product(names, repeat=2) if keys[one] & keys[other]]
    found = [
        (one, other)
        for one, other in product(names, repeat=2)
        if introduce_speakers({"U1": one}, ["U2"], {"U2": other}) != {"U2": other}
    ]

    assert ("I", "l") in alike
    assert found == alike


@pytest.mark.parametrize(
    ("shown", "called"),
    [
        ("Ada", "Ada (2)"),
        ("ADA", "ADA (2)"),
        ("Claude", "Claude (2)"),
        ("Confab", "Confab (2)"),
        ("C\u043enfab", "C\u043enfab (2) (look-alike letters)"),
        ("Ada\u200b", "Ada (2)"),
        ("Ada: [admin]\nBob", "Ada admin Bob"),
        ("\u202eevE", "evE"),
        ("A\u200bd\u00ada", "Ada (2)"),
        ("Ada\u3164", "Ada (2)"),
        ("\ufe0fA\U000e0101da", "Ada (2)"),
        ("\u0410d\u0430", "\u0410d\u0430 (2) (look-alike letters)"),
        ("\U0001d400da", "Ada (2)"),
        ("Cl\u0430ude", "Cl\u0430ude (2) (look-alike letters)"),
        ("C1aude", "C1aude"),
        ("CIaude", "CIaude (2)"),
        ("GitHub (bot)", "GitHub bot"),
        ("GitHub ( B\u043et )", "GitHub B\u043et (look-alike letters)"),
        ("GitHub \uff08bot\uff09", "GitHub bot"),
        ("GitHub \u2768bot\u2769", "GitHub bot"),
        ("GitHub ((bot))", "GitHub bot"),
        ("GitHub [((B\u043et))]", "GitHub B\u043et (look-alike letters)"),
        ("GitHub (b0t)", "GitHub b0t"),
        ("Zo\u00eb\ua789 yes", "Zo\u00eb yes"),
        ("Zo\u00eb\u2236 yes", "Zo\u00eb yes"),
        ("Zo\u00eb\u05c3 yes", "Zo\u00eb yes"),
        ("System", "System (2)"),
        ("\u200bhuman", "human (2)"),
        ("Assistant:", "Assistant (2)"),
        ("user", "user (2)"),
        ("USER", "USER (2)"),
        ("Use\u0433", "Use\u0433 (2) (look-alike letters)"),
        ("\u1d04laude", "\u1d04laude (2) (look-alike letters)"),
        ("\u1d00da", "\u1d00da (2) (look-alike letters)"),
        ("\u1d0a\u1d0f\u029c\u0274", "\u1d0a\u1d0f\u029c\u0274"),
        ("\u0141ukasz", "\u0141ukasz"),
        ("Ada (she/her)", "Ada (she/her)"),
        ("\u0410\u043d\u043d\u0430", "\u0410\u043d\u043d\u0430"),
        ("\u7530\u4e2d\u3055\u3093", "\u7530\u4e2d\u3055\u3093"),
        ("\u3164", "U5"),
        ("", "U5"),
    ],
)
def test_a_borrowed_name_is_told_apart(shown, called):
    assert introduce_speakers({"U1": "Ada"}, {"U5"}, {"U5": shown}) == {"U5": called}


@pytest.mark.parametrize(
    ("shown", "ours", "theirs"),
    [
        ("Claude", "Claude", "Claude (2)"),
        ("Confab", "Confab", "Confab (2)"),
        ("Helper", "Helper", "Helper (2)"),
        ("Ada", "Ada", "Ada (3)"),
        ("@Helper\u200b: (bot)", "Helper bot", "Helper bot (2)"),
    ],
)
def test_our_own_name_has_no_number_and_no_person_can_have_it(shown, ours, theirs):
    introduced = introduce_speakers({"U1": "Ada (2)"}, {"U5", "U9"}, {"U5": shown, "U9": shown}, us="U9")

    assert introduced == {"U9": ours, "U5": theirs}


def test_we_are_claude_while_the_platform_does_not_say_how_we_are_shown():
    assert introduce_speakers({}, {"U9"}, {}, us="U9") == {"U9": "Claude"}


def test_who_bears_a_name_that_was_told_of_us_is_told_apart():
    assert introduce_speakers({"U9": "Helper"}, {"U5"}, {"U5": "HeIper"}, us="U9") == {"U5": "HeIper (2)"}


def test_look_alikes_of_a_name_are_worked_out_once():
    introduce_speakers({}, ["U1"], {"U1": "Ada Lovelace"})
    folded = names._fold_name.cache_info().misses

    introduce_speakers({}, ["U1"], {"U1": "Ada Lovelace"})

    assert names._fold_name.cache_info().misses == folded


def test_the_first_introduction_stands():
    assert introduce_speakers({"U1": "Ada"}, {"U1", "U2"}, {"U1": "Renamed", "U2": "Bob"}) == {"U2": "Bob"}


def introduce_one_by_one(*shown: str) -> list[str]:
    """The names of these people, each introduced to a thread that knows those before."""
    told: dict[str, str] = {}
    for number, name in enumerate(shown, 1):
        told |= introduce_speakers(told, {f"U{number}"}, {f"U{number}": name})
    return list(told.values())


@pytest.mark.parametrize(
    ("shown", "called"),
    [
        (["Ada", "\u0410da", "Ada"], ["Ada", "\u0410da (2) (look-alike letters)", "Ada (3)"]),
        (["\u0410da", "Ada"], ["\u0410da (look-alike letters)", "Ada (2)"]),
        (["\u1d04laude"] * 2, ["\u1d04laude (2) (look-alike letters)", "\u1d04laude (3) (look-alike letters)"]),
        (["\u1d04laude", "claude"], ["\u1d04laude (2) (look-alike letters)", "claude (3)"]),
        (["\u0414\u0438\u043c\u0430"] * 2, ["\u0414\u0438\u043c\u0430", "\u0414\u0438\u043c\u0430 (2)"]),
        (["\u0141ukasz"] * 3, ["\u0141ukasz", "\u0141ukasz (2)", "\u0141ukasz (3)"]),
        (["user", "User"], ["user (2)", "User (3)"]),
    ],
)
def test_no_two_look_alikes_have_one_number_and_who_borrows_letters_is_marked(shown, called):
    assert introduce_one_by_one(*shown) == called

    people = {f"U{number}": name for number, name in enumerate(shown)}
    assert list(introduce_speakers({}, people, people).values()) == called


def test_ids_in_a_text_become_names():
    text = "<@U1> and <@S1> in <#C1>, not <@U9>, <#C9> or <here>"

    assert find_ids(text) == {"U1", "S1", "#C1", "U9", "#C9"}
    assert (
        replace_ids(text, {"U1": "Ada", "S1": "ops", "#C1": "dev"}) == "@Ada and @ops in #dev, not @U9, #C9 or <here>"
    )


def test_channels_keep_their_names_beside_people_of_the_same():
    introduced = introduce_speakers({}, {"U1", "#C1", "#C2"}, {"U1": "general", "#C1": "general"})

    assert introduced == {"U1": "general", "#C1": "general", "#C2": "C2"}
