"""`make demo` with the pythons that a machine may have: fakes on the PATH, for a test has one python only."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDS = "Confab needs python 3.11 or newer, and"
HOW = "Name another: make PYTHON=/path/to/python"

UNFIT = """#!/bin/sh
case "$*" in
  *print*) echo "is 3.9.2" ;;
  *) echo "SyntaxError: a traceback of three lines" >&2; exit 1 ;;
esac
"""
FIT = """#!/bin/sh
case "$*" in
  "-m venv"*) mkdir -p "$3/bin"; for one in pip confab; do printf '#!/bin/sh\\necho {name} "$@"\\n' > "$3/bin/$one"; chmod +x "$3/bin/$one"; done ;;
esac
"""
WITHOUT_VENV = """#!/bin/sh
case "$*" in
  "-m venv"*) mkdir -p "$3/bin"; echo "ensurepip is not available" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def machine(tmp_path):
    """A checkout, and a PATH on which there is no python."""
    (tmp_path / "bin").mkdir()
    for name in ("make", "sh", "rm", "mkdir", "chmod", "touch"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    checkout = tmp_path / "confab"
    checkout.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout)
    return tmp_path


def install(machine, **pythons):
    for name, script in pythons.items():
        path = machine / "bin" / name.replace("_", ".")
        path.write_text(script.replace("{name}", path.name))
        path.chmod(0o755)


def make_demo(machine, *words):
    command = [str(machine / "bin" / "make"), "demo", *words]
    environment = {"PATH": str(machine / "bin")}
    return subprocess.run(
        command, cwd=machine / "confab", env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def complaints(run):
    """What stands on stderr beside make's own word that a rule failed."""
    return [line for line in run.stderr.splitlines() if not line.startswith("make: ***")]


@pytest.mark.parametrize(
    ("pythons", "words", "said"),
    [
        ({"python3": UNFIT}, [], [f"{NEEDS} python3 is 3.9.2. {HOW}"]),
        ({"python3": UNFIT, "python": UNFIT, "python3_12": UNFIT}, [], [f"{NEEDS} python3 is 3.9.2. {HOW}"]),
        ({}, [], [f"{NEEDS} python3 can't be run. {HOW}"]),
        ({"python3": FIT, "old": UNFIT}, ["PYTHON=old"], [f"{NEEDS} old is 3.9.2. {HOW}"]),
        (
            {"python3": WITHOUT_VENV},
            [],
            [
                "ensurepip is not available",
                "python3 can't make a virtual environment; where python has packages of its own, install python3-venv.",
            ],
        ),
    ],
    ids=["too old", "all too old", "none", "the named one too old", "without venv"],
)
def test_an_unfit_python_is_told_in_one_line_and_leaves_nothing(machine, pythons, words, said):
    install(machine, **pythons)
    run = make_demo(machine, *words)

    assert (run.returncode, run.stdout, complaints(run)) == (2, "", said)
    assert not (machine / "confab" / ".venv").exists()


@pytest.mark.parametrize(
    ("pythons", "words", "taken"),
    [
        ({"python3": FIT, "python3_12": FIT}, [], "python3"),
        ({"python3": UNFIT, "python3_12": FIT}, [], "python3.12"),
        ({"python3": UNFIT, "python3_11": FIT, "python3_13": FIT}, [], "python3.13"),
        ({"python": FIT}, [], "python"),
        ({"python3": FIT, "mine": FIT}, ["PYTHON=mine"], "mine"),
    ],
    ids=["the usual one", "another one", "the newest one", "only python", "the named one"],
)
def test_of_several_pythons_a_fit_one_is_taken(machine, pythons, words, taken):
    install(machine, **pythons)
    run = make_demo(machine, *words)

    assert (run.returncode, run.stdout, complaints(run)) == (0, f"{taken} chat\n", [
        "Installing into .venv ...", f"{taken} install --quiet --editable ."
    ])  # fmt: skip


def test_after_another_python_is_installed_the_demo_starts(machine):
    install(machine, python3=UNFIT)
    before = make_demo(machine)
    install(machine, python3_12=FIT)

    assert (before.returncode, make_demo(machine).returncode) == (2, 0)


def test_the_makefile_needs_the_python_that_the_package_needs():
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    needed = re.search(r"^NEEDED = (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert required == f">={needed[1]}"
