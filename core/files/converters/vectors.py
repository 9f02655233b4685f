"""Vector drawings: SVG becomes a picture, without anything that it names outside of itself.

Run by `core.files.worker`. The library would read pictures from paths, so that none is left before it sees the drawing.
"""

import math
import re
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from resvg_py import svg_to_bytes

from core.files.converters.converted import Unreadable
from core.files.images import SIDE

SMALLEST = 800  # pixels of the longer side: a drawing has no size of its own
SOURCE = 10_000  # bytes of a drawing whose source is told beside it; of a larger one the words in it
DEFAULT = 100.0  # pixels of a side that is told nowhere
DRAWING = "{http://www.w3.org/2000/svg}"
UNDRAWN = {"script", "foreignObject", "iframe", "audio", "video"}
INCLUDED = re.compile(r"#|data:image/(?:png|jpe?g|gif|webp)[;,]", re.IGNORECASE)  # what may stand in `href`
UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
FONT, FIXED = "DejaVu Sans", "DejaVu Sans Mono"  # which matplotlib has, where the system has none

BROKEN = "it is a broken SVG drawing; export it anew, or as PNG"

_LENGTH = re.compile(r"\s*([0-9.]+(?:e[+-]?\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def draw_svg(content: bytes) -> tuple[bytes, str]:
    """A drawing as a PNG, and its source if that is short, else the words in it. Raises Unreadable."""
    try:
        root = ElementTree.fromstring(content)  # noqa: S314  expat bounds entities, and reads none from outside
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unreadable(BROKEN) from error
    words = "\n".join(text for one in root.iter() if _name(one) in ("text", "title", "desc") and (text := _read(one)))
    _leave_out_outside(root)
    _set_size(root)
    ElementTree.register_namespace("", DRAWING.strip("{}"))
    fonts = _find_fonts()
    try:
        drawn = svg_to_bytes(
            svg_string=ElementTree.tostring(root, encoding="unicode"),
            font_dirs=[str(fonts)] if fonts else None,
            font_family=FONT,
            sans_serif_family=FONT,
            serif_family="DejaVu Serif",
            monospace_family=FIXED,
        )
    except (ValueError, RuntimeError, OSError) as error:
        raise Unreadable(BROKEN) from error
    return bytes(drawn), content.decode(errors="replace") if len(content) <= SOURCE else words


def _leave_out_outside(root: ElementTree.Element) -> None:
    """Take out what runs, and what names anything but a part of the drawing itself."""
    for parent in root.iter():
        for child in list(parent):
            if _name(child) in UNDRAWN:
                parent.remove(child)
        for name, value in list(parent.attrib.items()):
            if name.rpartition("}")[2] == "href" and not INCLUDED.match(value.strip()):
                del parent.attrib[name]


def _set_size(root: ElementTree.Element) -> None:
    """Draw it as large as it is, within what is shown, whatever size it says."""
    box = [float(one) for one in re.findall(r"[-+.\deE]+", root.get("viewBox", ""))]
    if len(box) != 4 or not (box[2] > 0 and box[3] > 0):
        box = [0.0, 0.0, _measure(root.get("width")) or DEFAULT, _measure(root.get("height")) or DEFAULT]
    width, height = _measure(root.get("width")), _measure(root.get("height"))
    width = width or (height * box[2] / box[3] if height else box[2])
    height = height or width * box[3] / box[2]
    scale = min(max(SMALLEST, width, height), SIDE) / max(width, height)
    root.set("viewBox", " ".join(f"{one:g}" for one in box))
    root.set("width", str(max(1, math.ceil(width * scale))))
    root.set("height", str(max(1, math.ceil(height * scale))))


def _measure(length: str | None) -> float:
    """A length in pixels; 0 for one that depends on where it is shown."""
    found = _LENGTH.fullmatch(length or "")
    return float(found[1]) * UNITS.get(found[2].lower(), 0.0) if found else 0.0


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _read(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _find_fonts() -> Path | None:
    """The fonts that matplotlib brings along; it is not loaded for them."""
    found = find_spec("matplotlib")
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" if found and found.origin else None
