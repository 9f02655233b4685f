"""The methods of an agent's threads: what it says it is doing, titles, suggestions and sessions."""

from collections.abc import Sequence
from typing import Any

from tests.fakes.slack import rules as slack_rules
from tests.fakes.slack.chat import MASK
from tests.fakes.slack.nouns import Channel, Raw
from tests.fakes.slack.request import Method, Refused, Request

STATUSES = frozenset({"active", "processing", "suspended", "closed"})
PROMPTS = 4  # docs.slack.dev, assistant.threads.setSuggestedPrompts
TITLE = 200  # characters of a session's title
WITHOUT_STOP = "missing_agent_session_stopped_event_subscription"


def set_status(request: Request) -> Raw:
    """Show what is going on below a thread; "" clears it, and so does a reply."""
    channel = request.joined("channel_id")
    key = (channel.id, _thread(request, channel))
    messages: Any = request.arguments.get("loading_messages") or []
    if not isinstance(messages, Sequence) or len(messages) > slack_rules.LOADING_MESSAGES:
        raise Refused("invalid_arguments", "no more than 10 items allowed [json-pointer:/loading_messages]")
    _put(request.world.statuses, key, request.text("status"))
    request.world.pulse.beat()
    return {}


def _put(statuses: dict[tuple[str, str], str], key: tuple[str, str], status: str) -> None:
    statuses.pop(key, None)
    if status:
        statuses[key] = status


def set_title(request: Request) -> Raw:
    channel = request.joined("channel_id")
    request.world.titles[channel.id, _thread(request, channel)] = request.text("title")
    return {}


def set_prompts(request: Request) -> Raw:
    """Suggest up to four prompts in the direct conversation."""
    channel = request.joined("channel_id")
    prompts: Any = request.arguments.get("prompts")
    titled = isinstance(prompts, list) and all(
        isinstance(each, dict) and set(each) == {"title", "message"} and all(each.values()) for each in prompts
    )
    if not titled or not 0 < len(prompts) <= PROMPTS:
        raise Refused("invalid_arguments", f"between 1 and {PROMPTS} prompts [json-pointer:/prompts]")
    if not request.text("thread_ts"):
        request.world.prompts[channel.id] = {"prompts": prompts, "title": request.text("title")}
    return {}


def set_session(request: Request) -> Raw:
    """Set what an agent's session is at; without its event there is no Stop button, and a warning."""
    channel = request.joined("channel_id")
    status, title = request.text("status"), request.text("title")
    if status not in STATUSES or len(title) > TITLE:
        raise Refused("invalid_arguments", "status or title [json-pointer:/status]")
    key = (channel.id, _thread(request, channel) if request.text("thread_ts") else "")
    request.world.sessions[key] = status
    if title:
        request.world.titles.setdefault(key, title)
    request.world.pulse.beat()
    session = {"session": {"status": status, "channel_id": channel.id, "thread_ts": key[1]}}
    if "agent_session_stopped" in request.events:
        return session
    return session | {"warning": WITHOUT_STOP, "response_metadata": {"warnings": [WITHOUT_STOP]}}


def _thread(request: Request, channel: Channel) -> str:
    thread = request.text("thread_ts")
    if (channel.id, thread) not in request.world.posts:
        raise Refused("thread_not_found")
    return thread


ASSISTS = ("assistant:write",)
WRITES = ("assistant:write", "chat:write")
PLACE = ("channel_id", "thread_ts")
METHODS = {
    "assistant.threads.setStatus": Method(
        set_status, WRITES, needs=PLACE, takes=("status", "loading_messages", *MASK), channel="channel_id"
    ),
    "assistant.threads.setTitle": Method(set_title, ASSISTS, needs=(*PLACE, "title"), takes=()),
    "assistant.threads.setSuggestedPrompts": Method(
        set_prompts, ASSISTS, needs=("channel_id", "prompts"), takes=("thread_ts", "title")
    ),
    "agents.sessions.setStatus": Method(
        set_session, WRITES, needs=("channel_id", "status"), takes=("thread_ts", "title", "initiator_user_id", *MASK)
    ),
}
