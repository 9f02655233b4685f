"""Mails as text: their headers, their words, and the names of what is attached. Run by `core.files.worker`."""

from email import message_from_bytes, policy
from email.message import MIMEPart

from core.files.converters.converted import Words
from core.files.converters.webpages import write_markdown

HEADERS = ("From", "To", "Cc", "Date", "Subject")


def convert_mail(content: bytes) -> Words:
    """Who wrote what to whom, and when. Of a mail in several forms the plain text is told."""
    mail = message_from_bytes(content, policy=policy.default)
    headers = [f"{name}: {' '.join(str(mail[name]).split())}" for name in HEADERS if mail[name]]
    body = mail.get_body(("plain", "html"))
    words = _read_body(body) if body is not None else ""
    attached = [f"Attached: {_name_part(one)}, which is not read here" for one in mail.iter_attachments()]
    return Words("\n\n".join(part for part in ("\n".join(headers), words, "\n".join(attached)) if part), "a mail")


def _read_body(part: MIMEPart) -> str:
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError):  # a character set that nobody knows
        text = bytes(part.get_payload(decode=True) or b"").decode(errors="replace")
    return write_markdown(text) if part.get_content_subtype() == "html" else text.strip()


def _name_part(part: MIMEPart) -> str:
    name = " ".join(str(part.get_filename() or "without a name").split())
    return f"{name} ({part.get_content_type()})"
