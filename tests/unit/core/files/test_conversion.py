"""A picture is read in a process of its own. Tests core.files.conversion."""

import asyncio
import base64
import io
import os
import time

import pytest
from PIL import Image

from core.files import conversion
from core.files.conversion import BROKEN, COMPLEX, HEAVY, SLOW, UNSTARTED, convert_file
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def drawn(size=(40, 30)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(written, "PNG")
    return written.getvalue()


async def test_a_picture_comes_back_as_claude_is_shown_it():
    read = await convert_file("plan.png", drawn())

    assert read.shown is not None
    assert (read.shown.name, read.shown.type, read.shown.width, read.shown.height) == ("plan.png", "image/png", 40, 30)
    assert Image.open(io.BytesIO(base64.b64decode(read.shown.data))).size == (40, 30)


async def test_what_is_no_picture_comes_back_as_a_problem():
    read = await convert_file("plan.png", b"\x89PNG")

    assert "neither a picture nor a text" in read.problem
    assert not read.passing


async def test_a_file_that_takes_too_long_costs_itself_alone():
    began = time.monotonic()

    assert await convert_file("plan.png", drawn(), seconds=0.001) == SLOW
    assert time.monotonic() - began < 5


async def test_whoever_is_cancelled_leaves_no_process(tmp_path):
    written = tmp_path / "pid"
    sleeps = (
        f"import os, pathlib, time; pathlib.Path({str(written)!r}).write_text(f'{{os.getpid()}}.'); time.sleep(600)"
    )
    reading = asyncio.create_task(convert_file("plan.png", drawn(), worker=("-c", sleeps)))
    await until(lambda: written.exists() and written.read_text().endswith("."))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)

    with pytest.raises(ProcessLookupError):
        os.kill(int(written.read_text().rstrip(".")), 0)


async def test_a_process_that_breaks_costs_its_file_alone(caplog):
    assert await convert_file("plan.png", drawn(), worker=("-c", "import os; os._exit(3)")) == BROKEN
    assert "broke the process" in caplog.text


async def test_a_process_that_ends_without_memory_says_so(caplog):
    assert await convert_file("plan.png", drawn(), worker=("-c", "import os; os.abort()")) == HEAVY
    assert not HEAVY.passing
    assert "too much memory" in caplog.text


async def test_the_process_is_told_no_secret(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    shows = "import json, os; print(json.dumps({'problem': ' '.join(os.environ)}))"

    read = await convert_file("plan.png", drawn(), worker=("-c", shows))

    assert "ANTHROPIC_API_KEY" not in read.problem
    assert set(read.problem.split()) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} <= set(conversion.INHERITED)


async def test_a_file_that_takes_all_the_processor_is_not_tried_again():
    limited = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"

    assert await convert_file("plan.png", drawn(), worker=("-c", limited)) == COMPLEX
    assert not COMPLEX.passing


async def test_a_process_that_cannot_be_started_costs_its_file_alone(caplog):
    assert await convert_file("plan.png", drawn(), executable="/nowhere/python") == UNSTARTED
    assert "no process can be started" in caplog.text


def test_what_depends_on_the_moment_is_said_to_pass():
    assert all(one.passing for one in (BROKEN, SLOW, UNSTARTED))
