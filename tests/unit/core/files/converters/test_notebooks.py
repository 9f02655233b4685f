"""Jupyter notebooks. Tests core.files.converters.notebooks."""

import json

import pytest

from core.files.converters.converted import Words
from core.files.converters.notebooks import OUTPUT, convert_notebook
from tests.support.documents import write_notebook

pytestmark = pytest.mark.slow


def test_cells_are_told_with_what_they_put_out():
    assert convert_notebook(write_notebook()) == Words(
        "# Plan\nWe add.\n\nIn [1]:\n```python\nprint(1 + 2)\n```\n\n"
        "Out:\n```\n3\n<Figure>\n(a picture, left out)\nE: x\n```",
        "a Jupyter notebook",
    )


def test_a_long_output_leaves_room_for_the_others():
    long = {"output_type": "stream", "text": "x" * 100_000}
    cell = {"cell_type": "code", "source": "1", "outputs": [long, {"output_type": "stream", "text": "end"}]}

    said = convert_notebook(json.dumps({"nbformat": 4, "cells": [cell]}).encode()).text

    assert len(said) < OUTPUT + 200
    assert "characters are left out here" in said
    assert "end" in said


def test_an_old_notebook_is_read_too():
    cell = {
        "cell_type": "code",
        "input": ["1"],
        "prompt_number": 2,
        "outputs": [{"output_type": "pyout", "text": ["7"]}],
    }
    head = {"cell_type": "heading", "level": 2, "source": "Sums"}
    book = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [head, cell]}]}

    assert convert_notebook(json.dumps(book).encode()).text == "## Sums\n\nIn [2]:\n```\n1\n```\n\nOut:\n```\n7\n```"
