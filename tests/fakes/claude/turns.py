"""What the Messages API refuses in the order and the words of messages."""

from tests.fakes.claude.blocks import (
    Block,
    ContainerUpload,
    Document,
    Image,
    Message,
    RedactedThinking,
    ServerToolResult,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)
from tests.fakes.claude.models import Model
from tests.fakes.claude.refused import Refused
from tests.fakes.claude.request import Prompt

ASSISTANTS = (Thinking, RedactedThinking, ToolUse, ServerToolResult)
LOCATIONS = {
    "page_location": {"document_index", "document_title", "start_page_number", "end_page_number"},
    "char_location": {"document_index", "document_title", "start_char_index", "end_char_index"},
    "web_search_result_location": {"url", "title", "encrypted_index"},
}
"""What each kind of citation has beside its type and the words that it cites."""
USERS = (Image, Document, ContainerUpload, ToolResult)


def check(prompt: Prompt, model: Model) -> None:
    """Raise 400 for messages that `model` does not take."""
    if not prompt.messages:
        raise Refused("messages: at least one message is required")
    if prompt.messages[0].role != "user":
        raise Refused('messages: first message must use the "user" role')
    for block in prompt.system or []:
        _words(block, "system")
    for index, message in enumerate(prompt.messages):
        _message(message, index, last=index == len(prompt.messages) - 1)
    _system_turns(prompt.messages, model)
    _end(prompt.messages[-1], model)
    _tool_results(prompt.messages)


def _message(message: Message, index: int, *, last: bool) -> None:
    if not message.content and not (last and message.role == "assistant"):
        raise Refused(
            f"messages.{index}: all messages must have non-empty content "
            "except for the optional final assistant message"
        )
    for place, block in enumerate(message.content):
        if not _belongs(block, message.role):
            raise Refused(
                f"messages.{index}.content.{place}: `{block.type}` blocks not permitted in {message.role} turns"
            )
        if isinstance(block, Text):
            _words(block, "messages")
            if message.role == "user" and block.citations:
                raise Refused(f"messages.{index}.content.{place}.text.citations: not permitted in user turns")
            _citations(block, f"messages.{index}.content.{place}.text.citations")


def _citations(block: Text, where: str) -> None:
    """They come back as they went out, but for the file's id, which only an answer has."""
    for one in block.citations or []:
        kind = one.get("type")
        if kind not in LOCATIONS:
            continue
        wanted = LOCATIONS[kind] | {"type", "cited_text"}
        if missing := wanted - one.keys():
            raise Refused(f"{where}.0.{kind}.{min(missing)}: Field required")
        if odd := one.keys() - wanted:
            raise Refused(f"{where}.0.{kind}.{min(odd)}: Extra inputs are not permitted")


def _belongs(block: Block, role: str) -> bool:
    allowed = {"user": USERS, "assistant": ASSISTANTS, "system": ()}[role]
    return isinstance(block, (Text, *allowed))


def _words(block: Text, where: str) -> None:
    if not block.text and block.cache_control:
        raise Refused(f"{where}: cache_control cannot be set for empty text blocks")
    if not block.text:
        raise Refused(f"{where}: text content blocks must be non-empty")
    if not block.text.strip():
        raise Refused(f"{where}: text content blocks must contain non-whitespace text")


def _system_turns(messages: list[Message], model: Model) -> None:
    """They follow a user turn, and are last or precede an assistant turn."""
    for index, message in enumerate(messages):
        if message.role != "system":
            continue
        if model.old:
            raise Refused(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        follower = messages[index + 1].role if index + 1 < len(messages) else "assistant"
        if messages[index - 1].role != "user" or follower != "assistant":
            raise Refused(f"messages.{index}: a system turn must follow a user turn and precede an assistant turn")


def _end(last: Message, model: Model) -> None:
    """Words must not be put into Claude's mouth; a turn in which a server tool paused goes on."""
    if last.role != "assistant" or any(
        isinstance(one, ToolUse) and one.type == "server_tool_use" for one in last.content
    ):
        return
    if not model.prefill:
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    if last.content and isinstance(last.content[-1], Text) and last.content[-1].text != last.content[-1].text.rstrip():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")


def _tool_results(messages: list[Message]) -> None:
    """Each call of a tool is answered in the very next turn, and nothing else is."""
    called: set[str] = set()
    for index, (role, blocks) in enumerate(_turns(messages)):
        ids = [block.id for block in blocks if isinstance(block, ToolUse)]
        if len(ids) > len(set(ids)):
            raise Refused(f"messages.{index}.content: `tool_use` ids must be unique")
        answered = {block.tool_use_id for block in blocks if isinstance(block, ToolResult)}
        if role == "user" and called - answered:
            raise Refused(
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                + ", ".join(sorted(called - answered))
            )
        if answered - called:
            raise Refused(
                f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                + ", ".join(sorted(answered - called))
            )
        called = {block.id for block in blocks if isinstance(block, ToolUse) and block.type == "tool_use"}


def _turns(messages: list[Message]) -> list[tuple[str, list[Block]]]:
    """Messages of a role in a row are one turn."""
    turns: list[tuple[str, list[Block]]] = []
    for message in messages:
        if turns and turns[-1][0] == message.role:
            turns[-1][1].extend(message.content)
        else:
            turns.append((message.role, list(message.content)))
    return turns
