"""Web pages as Markdown: HTML of files, of mails and of converted documents. Run by `core.files.worker`."""

from bs4 import BeautifulSoup
from markdownify import ATX, MarkdownConverter

from core.files.converters.converted import NO_WORDS, Unreadable, Words, write_code
from core.files.texts import read_text

SOURCE = 10_000  # bytes of a page whose HTML is told beside its words: whoever attaches it may ask about that
LINKS = ("http:", "https:", "mailto:")  # all that mean something where the page is not
UNTOLD = ("script", "style", "template", "noscript", "svg", "iframe", "object")


def convert_page(content: bytes) -> Words:
    """A page of HTML; of a small one its source too. Raises Unreadable if it says nothing."""
    said = write_markdown(content)
    source = read_text(content) if len(content) <= SOURCE else None
    if not said and source is None:
        raise Unreadable(NO_WORDS)
    shown = f"Its source:\n\n{write_code(source.text, 'html')}" if source else ""
    return Words("\n\n".join(part for part in (said, shown) if part), "a web page")


def write_markdown(html: str | bytes) -> str:
    """What a page of HTML says, without what runs in it; of its pictures what is said to be seen in them."""
    page = BeautifulSoup(html, "lxml")
    for element in page.find_all(UNTOLD):
        element.decompose()
    for picture in page.find_all("img"):
        seen = " ".join(str(picture.get("alt") or "").split())
        picture.replace_with(f"[picture: {seen}]" if seen else "")
    for link in page.find_all("a"):
        if not str(link.get("href") or "").startswith(LINKS):
            del link["href"]
    converter = MarkdownConverter(
        heading_style=ATX,
        bullets="-",
        table_infer_header=True,
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
    )
    return str(converter.convert_soup(page)).strip()
