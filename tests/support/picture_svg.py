"""A conversation as an SVG: avatars, names, and the Markdown that our answers have. No library, no fonts of its own."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH = 760
MARGIN, GUTTER = 24, 72  # left of avatars, and of texts
LINE, SIZE = 22, 15  # pixels between lines, and of letters
CODE_LINE, CODE_SIZE = 20, 13
SANS = "-apple-system, 'Segoe UI', 'Noto Sans', 'Liberation Sans', Helvetica, Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"
NARROW, WIDE = set("iljtfr.,:;'|!()[] I`"), set("mwMW@")
AVATARS = {"Ada": "#7a5cc4", "Bob": "#2f8f6b", "Cy": "#c2663a", "Confab": "#3b3f8f"}
INLINE = re.compile(r"(\*\*[^*]+\*\*|`[^`]+`|@Confab\b)")


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one look of one platform, and how round its avatars are."""

    ground: str
    frame: str
    text: str
    quiet: str
    code_ground: str
    code: str
    mention: str
    badge: str
    badge_text: str
    round: int


THEMES = {
    "slack": {
        "light": Theme("#ffffff", "#d8d8da", "#1d1c1d", "#616061", "#f6f6f6", "#c01343", "#1264a3", "#e8e8ea", "#616061", 8),
        "dark": Theme("#1a1d21", "#3b3e44", "#d1d2d3", "#9a9b9e", "#222529", "#e8912d", "#6cb3e8", "#33363b", "#b5b6b9", 8),
    },
    "discord": {
        "light": Theme("#ffffff", "#d6d9dd", "#2e3035", "#5c5e66", "#f2f3f5", "#2e3035", "#4450c8", "#5865f2", "#ffffff", 20),
        "dark": Theme("#313338", "#45484f", "#dbdee1", "#a3a6ad", "#2b2d31", "#dbdee1", "#aab4ff", "#5865f2", "#ffffff", 20),
    },
}  # fmt: skip


@dataclass(slots=True)
class Canvas:
    """What is drawn so far, and where the next line goes."""

    theme: Theme
    y: int = 0
    shapes: list[str] = field(default_factory=list)

    def write(self, x: int, content: str, fill: str, size: int = SIZE, style: str = "") -> None:
        self.shapes.append(f'<text x="{x}" y="{self.y}" fill="{fill}" font-size="{size}"{style}>{content}</text>')

    def fill(self, x: float, y: float, width: float, height: float, colour: str, corner: int, stroke: str = "") -> None:
        edge = f' stroke="{stroke}"' if stroke else ""
        self.shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{corner}" fill="{colour}"{edge}/>'
        )


def draw_conversation(title: str, messages: Sequence[tuple[str, str]], theme: Theme) -> str:
    """A channel's head, and each message below it."""
    canvas = Canvas(theme, y=34)
    canvas.write(MARGIN, escape(title), theme.text, SIZE + 1, ' font-weight="700"')
    canvas.fill(0, 52, WIDTH, 1, theme.frame, 0)
    canvas.y = 62
    for author, text in messages:
        _draw_message(canvas, author, text)
    return _frame(canvas, title, messages)


def _frame(canvas: Canvas, title: str, messages: Sequence[tuple[str, str]]) -> str:
    height = canvas.y + 22
    theme = canvas.theme
    alt = escape(f"{title}: {', '.join(author for author, _ in messages)} talk")
    ground = f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="10" fill="{theme.ground}" stroke="{theme.frame}"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return "\n".join(
        [f'{head} role="img" font-family="{SANS}">', f"<title>{alt}</title>", ground, *canvas.shapes, "</svg>\n"]
    )


def _draw_message(canvas: Canvas, author: str, text: str) -> None:
    theme = canvas.theme
    canvas.y += 26
    canvas.fill(MARGIN, canvas.y - 14, 36, 36, AVATARS[author], theme.round)
    middle = f'<text x="{MARGIN + 18}" y="{canvas.y + 10}" fill="#fff" font-size="16" font-weight="700" text-anchor="middle">'
    canvas.shapes.append(f"{middle}{author[0]}</text>")
    canvas.write(GUTTER, author, theme.text, SIZE, ' font-weight="700"')
    if author == "Confab":
        at = GUTTER + 66
        canvas.fill(at, canvas.y - 12, 34, 15, theme.badge, 3)
        badge = f'<text x="{at + 17}" y="{canvas.y - 1}" fill="{theme.badge_text}" font-size="10" font-weight="700" text-anchor="middle">'
        canvas.shapes.append(f"{badge}APP</text>")
    for part in re.split(r"(```.*?```)", text, flags=re.DOTALL):
        if part.startswith("```"):
            _draw_code(canvas, part.strip("`").partition("\n")[2].rstrip("\n").split("\n"))
        else:
            _draw_prose(canvas, part.strip("\n"))
    canvas.y += 8


def _draw_code(canvas: Canvas, lines: Sequence[str]) -> None:
    theme = canvas.theme
    canvas.y += 10
    height = CODE_LINE * len(lines) + 14
    canvas.fill(GUTTER, canvas.y, WIDTH - GUTTER - MARGIN, height, theme.code_ground, 5, theme.frame)
    canvas.y += 2
    for line in lines:
        canvas.y += CODE_LINE
        style = f' font-family="{MONO}" xml:space="preserve"'
        canvas.write(GUTTER + 12, escape(line), theme.text, CODE_SIZE, style)
    canvas.y += 14


def _draw_prose(canvas: Canvas, text: str) -> None:
    for line in text.split("\n"):
        if not line:
            canvas.y += 6
            continue
        number = re.match(r"(\d+\.|[-•]) ", line)
        indent = 24 if number else 0
        if number:
            canvas.y += LINE
            canvas.write(GUTTER, escape(number[1]), canvas.theme.text)
            canvas.y -= LINE
        for words in _wrap(line[number.end() if number else 0 :], WIDTH - GUTTER - MARGIN - indent):
            canvas.y += LINE
            canvas.write(GUTTER + indent, "".join(_style(canvas.theme, words)), canvas.theme.text)


def _wrap(line: str, room: float) -> Iterator[list[str]]:
    """The runs of each line that fits; a run has one style, and marks around it."""
    pieces = [piece for run in INLINE.split(line) for piece in _split_words(run)]
    taken, used = list[str](), 0.0
    for piece in pieces:
        width = _measure(piece)
        if used + width > room and taken:
            yield taken
            taken, used, piece = [], 0.0, piece.lstrip()  # noqa: PLW2901  a space at a line's beginning is none
            width = _measure(piece)
        taken.append(piece)
        used += width
    yield taken


def _split_words(run: str) -> list[str]:
    """Words that may begin a line; each of strong words has its own marks."""
    if run.startswith("**"):
        return [f"**{word}**" for word in re.findall(r"\s*\S+", run.strip("*"))]
    return [run] if run.startswith("`") else re.findall(r"\s*\S+|\s+", run)


def _measure(piece: str) -> float:
    """Pixels, rather too many than too few: letters are those of whoever looks at it."""
    if piece.startswith("`"):
        return (len(piece) - 2) * CODE_SIZE * 0.62
    letters = [
        0.32 if one in NARROW else 0.92 if one in WIDE else 0.7 if one.isupper() else 0.6
        for one in piece.replace("**", "")
    ]
    return sum(letters) * SIZE * (1.06 if piece.startswith("**") else 1)


def _style(theme: Theme, pieces: Sequence[str]) -> Iterator[str]:
    for piece in pieces:
        if piece.startswith("**"):
            yield f'<tspan font-weight="700">{escape(piece[2:-2])}</tspan>'
        elif piece.startswith("`"):
            yield f'<tspan font-family="{MONO}" font-size="{CODE_SIZE}" fill="{theme.code}">{escape(piece[1:-1])}</tspan>'
        elif piece.startswith("@Confab"):
            yield f'<tspan fill="{theme.mention}">{escape(piece)}</tspan>'
        else:
            yield escape(piece)
