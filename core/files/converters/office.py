"""Office files as words: what kind one is decides which library reads it, and that alone is loaded.

Run by `core.files.worker`.
"""

from dataclasses import replace

from core.domain.wording import count_noun
from core.files.converters.converted import Unreadable, Words
from core.files.converters.packages import Kind, count_pictures, open_package, recognise_package, refuse_entities


def convert_office(content: bytes) -> Words:
    """What an Office file says, and how many pictures are left out. Raises Unreadable."""
    with open_package(content) as package:
        kind, pictures = recognise_package(package), count_pictures(package)
        try:
            if kind not in (Kind.XLSX, Kind.ODS):  # whose reader knows no entities
                refuse_entities(package)
            words = _convert_kind(kind, content)
        except (Unreadable, MemoryError):
            raise
        except Exception as error:  # whatever a library raises for a broken file
            raise Unreadable(f"it is {kind.value} that is broken; save it anew, or as PDF") from error
    if not (pictures and words.text.strip()):
        return words
    left_out = f"[{count_noun(pictures, 'picture')} in this file {'is' if pictures == 1 else 'are'} left out.]"
    return replace(words, text=f"{words.text}\n\n{left_out}")


def _convert_kind(kind: Kind, content: bytes) -> Words:
    match kind:
        case Kind.DOCX:
            from core.files.converters.word import convert_document

            return convert_document(content)
        case Kind.PPTX:
            from core.files.converters.slides import convert_slides

            return convert_slides(content)
        case Kind.XLSX | Kind.ODS:
            from core.files.converters.sheets import convert_workbook

            return convert_workbook(content, kind.value)
        case Kind.ODT:
            from core.files.converters.opendocument import convert_opendocument_text

            return convert_opendocument_text(content)
        case Kind.ODP:
            from core.files.converters.opendocument import convert_opendocument_slides

            return convert_opendocument_slides(content)
