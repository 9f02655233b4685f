"""What of a conversation's files is told. Tests core.files.bounds."""

from core.domain.content import FileContent, Image
from core.files.bounds import AGAIN, ATTACHED, FULL, SHOWN, TEXTS, bound_files
from core.prompting.speakers import indent


def picture(characters: int) -> FileContent:
    return FileContent(Image("plan.png", "image/png", 40, 30, "A" * characters))


def size(*told: FileContent) -> int:
    """Bytes as they are told."""
    return sum(len(indent(one.text).encode()) for one in told)


def test_of_pictures_the_newest_are_shown_as_far_as_they_fit():
    half = picture(SHOWN // 2)

    told = bound_files({("1", "A"): half, ("2", "B"): half, ("3", "C"): half})

    assert list(told.items()) == [(("1", "A"), FULL), (("2", "B"), half), (("3", "C"), half)]


def test_a_file_that_hangs_on_many_messages_is_told_at_the_first_and_counts_once():
    half = picture(SHOWN // 2)
    places = [(str(number), "A") for number in range(9)]

    assert list(bound_files(dict.fromkeys(places, half)).values()) == [half, *[AGAIN] * 8]


def test_a_file_that_is_not_told_at_the_first_message_is_not_told_to_stand_there():
    large = picture(SHOWN + 1)

    assert set(bound_files(dict.fromkeys([("1", "A"), ("2", "A")], large)).values()) == {FULL}


def test_the_texts_of_a_message_are_bounded_as_they_are_told_which_is_indented():
    lines = FileContent(text="a" + "\n" * 99_000 + "b")

    (told, other) = bound_files({("1", "A"): lines, ("1", "B"): lines}).values()

    assert told.cut
    assert told.text[0] + told.text[-1] == "ab"
    assert size(told, other) <= ATTACHED
    assert all(line.startswith("  ") for line in indent(told.text).split("\n")[1:])


def test_a_text_that_fits_is_told_as_it_is():
    words = FileContent(text="  a\n\n   b")

    assert bound_files({("1", "A"): words}) == {("1", "A"): words}


def test_the_texts_of_a_conversation_are_bounded_and_the_oldest_left_out():
    long = FileContent(text="a" * (TEXTS // 3 + 1))

    told = bound_files({(str(number), str(number)): long for number in range(4)})

    assert list(told.values()) == [FULL, FULL, long, long]
