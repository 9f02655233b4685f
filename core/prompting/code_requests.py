"""Code requests: in which container code runs, with which files, what is not taken, and how it goes on. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.domain.content import CodeFile, Returned, read_opaque
from core.domain.tools import CODE_TOOL, Container
from core.prompting.request import Block, Request, leave_out


def fit_code(request: Request) -> Request:
    """The same request; where it may run no code, nothing is there for that."""
    if any(tool.name == CODE_TOOL for tool in request.tools):
        return request
    without = leave_out(request, CodeFile.kind) or request
    return leave_container(without) or without


def place_code(request: Request, container: Container | None, now: datetime) -> Request:
    """The same request whose code, if it may run any, runs in this container, with all that code made there before."""
    request = fit_code(request)
    if container is None or all(tool.name != CODE_TOOL for tool in request.tools):
        return request
    doubted = container.expires_at is not None and container.expires_at <= now
    return replace(request, body=request.body | {"container": container.id}, doubted=doubted)


def leave_container(request: Request) -> Request | None:
    """The same request whose code runs in a new container; None where it names none."""
    if "container" not in request.body:
        return None
    body = {name: value for name, value in request.body.items() if name != "container"}
    return replace(request, body=body, doubted=False)


def simplify_code(request: Request, complaint: str) -> Request | None:
    """The same request without what an API does not take of running code; None if its complaint is about nothing of it.

    A container that is gone is named no more.
    """
    if "container" not in complaint:
        return None
    return leave_out(request, CodeFile.kind) if CodeFile.kind in complaint else leave_container(request)


def continue_request(
    request: Request,
    content: Sequence[dict[str, Any]],
    results: Sequence[Returned] = (),
    container: Container | None = None,
) -> Request:
    """The same request after Claude paused, or called tools: what it produced so far goes back as it came.

    Below it stand the `results` of its calls. What its code began in a `container` goes on there.
    """
    said = {"role": "assistant", "content": list(content)}
    brought = [{"role": "user", "content": [one.build_block() for one in results]}] if results else []
    blocks = [Block("assistant", read_opaque(one)) for one in content]
    blocks += [Block("tool", one) for one in results]
    body = request.body | {"messages": [*request.body["messages"], said, *brought]}
    body |= {"container": container.id} if container else {}
    return replace(request, body=body, blocks=(*request.blocks, *blocks))
