"""File worker: a process of its own that reads one hostile file, so that a crash or a bomb costs that file alone.

It gets the file on its standard input, and writes a line of JSON, and in base64 what Claude is shown or told of it, to
its standard output. What a format needs is loaded for that format alone.
"""

import base64
import json
import sys
from contextlib import suppress
from typing import TypeAlias

from core.files.converters.converted import NO_WORDS, Unreadable, Words
from core.files.formats import Format, recognise_format
from core.files.texts import KNOWN, TOLD, shorten_text

if sys.platform != "win32":
    import resource

WORDS = "words"  # the argument that asks for a file's words alone
MEMORY = 900_000_000  # bytes of address space; 48 megapixels in four colours need 700 MB
SECONDS = 8  # of the processor; 50 megapixels took 2.6 on a machine that was busy

HEAVY = "it needs too much memory; a smaller one may not"
BROKEN = "it is broken, or no {} that I can read; save it anew"

Answer: TypeAlias = tuple[dict[str, object], bytes]


def limit_resources() -> None:
    """Bound memory and time, where the system has such limits."""
    if sys.platform == "win32":
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))  # first a signal that tells why
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def convert(content: bytes, *, words: bool = False) -> Answer:
    """What there is to say of a file, and what Claude is shown or told of it; else the problem, and nothing.

    Where its `words` alone are wanted, many of them are told, and of a PDF those of its pages.
    """
    found = recognise_format(content)
    try:
        if words and found is Format.PDF:
            from core.files.documents import read_document

            return _tell_words(read_document(content), KNOWN)
        return _convert_format(found, content, KNOWN if words else TOLD)
    except Unreadable as unreadable:
        return {"problem": str(unreadable)}, b""
    except MemoryError:
        return {"problem": HEAVY}, b""
    except BaseException as error:  # whatever a library raises for a broken file; Rust's panics are no `Exception`
        return {"problem": BROKEN.format(found.value), "error": type(error).__name__}, b""


def _convert_format(found: Format, content: bytes, told: int) -> Answer:
    match found:
        case Format.PDF:
            from core.files.documents import inspect_document

            return inspect_document(content), b""  # Claude is shown it as it is
        case Format.PACKAGE:
            from core.files.converters.office import convert_office

            return _tell_words(convert_office(content), told)
        case Format.HTML | Format.MAIL | Format.NOTEBOOK:
            return _tell_words(_convert_text(found, content), told)
        case Format.SVG:
            from core.files.converters.vectors import draw_svg
            from core.files.images import convert_image

            drawn, words = draw_svg(content)
            about, shown = convert_image(drawn)
            return about | {"words": shorten_text(words)[0]}, shown
        case Format.HEIF:
            from core.files.converters.heif import convert_heif

            return convert_heif(content)
    from core.files.images import convert_image

    return convert_image(content)


def _convert_text(found: Format, content: bytes) -> Words:
    match found:
        case Format.MAIL:
            from core.files.converters.mails import convert_mail

            return convert_mail(content)
        case Format.NOTEBOOK:
            from core.files.converters.notebooks import convert_notebook

            return convert_notebook(content)
    from core.files.converters.webpages import convert_page

    return convert_page(content)


def _tell_words(words: Words, told: int) -> Answer:
    text, cut = shorten_text(words.text, told)
    if not text.strip():
        raise Unreadable(NO_WORDS)
    return {"origin": words.origin, "cut": cut or words.cut}, text.encode()


def main() -> None:
    """Read, convert, write."""
    limit_resources()
    content = sys.stdin.buffer.read()
    told, shown = convert(content, words=WORDS in sys.argv)
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + base64.b64encode(shown))


if __name__ == "__main__":
    main()
