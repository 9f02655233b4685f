"""What ships Confab: every path, command, option and variable that its files and its manual name exists."""

import asyncio
import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path

import click
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from bots.app.registry import PLATFORMS
from bots.cli import main
from core.settings import Settings
from core.worker.worker import GRACE

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPLOY = (ROOT / "docs/deploy.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["confab"]

VARIABLE = re.compile(r"\b(?:ANTHROPIC|CONFAB|DATABASE|DISCORD|SLACK)_[A-Z_]+\b")
KINDS = (Settings, *(plugin.settings() for plugin in PLATFORMS))
VARIABLES = {name.upper() for kind in KINDS for name in kind.model_fields}
SECONDS = {"s": 1, "m": 60}

SERVICE_KEYS = """
CapabilityBoundingSet Environment EnvironmentFile ExecStart LockPersonality MemoryDenyWriteExecute MemoryMax
NoNewPrivileges OOMPolicy PrivateDevices PrivateTmp ProtectClock ProtectControlGroups ProtectHome ProtectHostname
ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem Restart
RestartPreventExitStatus RestartSec RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID
StateDirectory StateDirectoryMode SystemCallArchitectures SystemCallErrorNumber SystemCallFilter TimeoutStopSec
Type UMask User WorkingDirectory
"""
LIMITS = ("mem_limit", "memswap_limit", "pids_limit")
PYTHON = "3.13"  # the image's
IMAGE = {
    "python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "implementation_name": "cpython",
    "platform_python_implementation": "CPython", "sys_platform": "linux", "os_name": "posix", "platform_system": "Linux",
}  # fmt: skip
NOT_IN_THE_IMAGE = {"pip"}  # sqlite-utils asks for it, for a command that installs its plugins
LOCKED = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)(?: +--hash=sha256:[0-9a-f]{64})+")
KEYS = {
    "Unit": {"Description", "Wants", "After"},
    "Service": set(SERVICE_KEYS.split()),
    "Install": {"WantedBy"},
}


class Repeated(dict):
    """A unit may say a key several times."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and isinstance(self.get(key), list):
            value = self[key] + value
        super().__setitem__(key, value)


def unit():
    parser = configparser.RawConfigParser(dict_type=Repeated, strict=False, comment_prefixes="#", delimiters="=")
    parser.optionxform = str
    parser.read_string(re.search(r"```ini\n(.*?)```", DEPLOY, re.DOTALL)[1])
    return {section: dict(parser[section]) for section in parser.sections()}


SERVICE = unit()["Service"]


def instructions():
    """The Dockerfile's lines: its word and what follows."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    return [tuple(line.split(" ", 1)) for line in text.splitlines() if line and not line.startswith("#")]


def said(word):
    return [rest for one, rest in instructions() if one == word]


def variables():
    return dict(part.split("=", 1) for line in said("ENV") for part in shlex.split(line))


def code(text):
    """The lines of code blocks, and what stands between backticks elsewhere."""
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            yield line
        else:
            yield from re.findall(r"`([^`]+)`", line)


def commands(text):
    """The words that follow each `confab` that is called in code, up to what ends the command."""
    for line in code(text):
        called = re.sub(r"docker compose (?:--file \S+ )?exec confab|.*--entrypoint .*", "", line)
        for found in re.finditer(r"(?<![\w/=.-])(?:\S*bin/)?confab +((?:[a-z-][^\s'&|;#]* *)+)", called):
            yield found[1].split()


def unknown(words, command=main):
    """The first of the words after `confab` that the command line would not take."""
    word = next(iter(words), None)
    options = {name: one for one in command.params for name in one.opts} | {"-h": None, "--help": None}
    if word is None:
        return None
    if word.startswith("-"):
        name, assigned, _ = word.partition("=")
        valued = not assigned and isinstance(one := options.get(name), click.Option) and not one.is_flag
        return unknown(words[1 + valued :], command) if name in options else word
    if isinstance(command, click.Group):
        return unknown(words[1:], command.commands[word]) if word in command.commands else word
    return unknown(words[1:], command)


# The manual


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_that_a_page_shows_exists(page):
    assert [(words, wrong) for words in commands(page.read_text()) if (wrong := unknown(words))] == []


def test_commands_are_found_where_they_stand_and_wrong_ones_are_seen():
    text = (
        "```ini\nUser=confab\n```\nIt runs.\n```sh\nconfab fly\n/x/bin/confab chat --loud && ls\ndocker compose exec confab confab backup a.db\n"
        "docker compose exec confab rm x\nsystemctl start confab\n```\nTry `confab --quiet`, `/confab help`, `confab.db`.\n"
        "`confab usage --by day --since week` or `confab usage --by day flee`"
    )

    found = list(commands(text))

    usages = [["usage", "--by", "day", "--since", "week"], ["usage", "--by", "day", "flee"]]
    assert found == [["fly"], ["chat", "--loud"], ["backup", "a.db"], ["--quiet"], *usages]
    assert [unknown(words) for words in found] == ["fly", "--loud", None, "--quiet", None, "flee"]


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "Dockerfile", ROOT / "compose.yaml"], ids=lambda page: page.name
)  # fmt: skip
def test_every_variable_that_a_file_names_is_a_setting(page):
    assert set(VARIABLE.findall(page.read_text())) - VARIABLES == set()


@pytest.mark.parametrize("name", ["README.md", "docs/deploy.md", "docs/scale.md"])
def test_every_page_that_is_linked_to_exists(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text())

    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


# The image


def test_what_the_image_copies_exists_and_is_all_that_is_sent_to_its_builder():
    copied = {path for line in said("COPY") if not line.startswith("--from") for path in line.split()[:-1]}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}

    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert ignored[1] == "*"
    assert sent == copied


def test_the_image_has_all_that_the_project_is_built_from():
    packages = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    built = {"pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], *packages}

    assert built <= {path for line in said("COPY") for path in line.split()}


def test_the_images_python_is_one_that_the_project_runs_on():
    bases = {line.split()[0] for line in said("FROM")}

    (base,) = bases
    version = re.fullmatch(r"python:(\d+\.\d+)-slim@sha256:[0-9a-f]{64}", base)[1]
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(version)
    assert version == PYTHON


def test_every_image_is_pinned_by_its_digest():
    images = [line.split()[0] for line in said("FROM")] + re.findall(r"--from=(\S+)", "\n".join(said("COPY")))
    stages = {line.split(" AS ")[1] for line in said("FROM") if " AS " in line}

    assert len(images) > 2
    assert [one for one in images if one not in stages and not re.search(r"@sha256:[0-9a-f]{64}$", one)] == []


def test_the_image_that_runs_has_nothing_that_installs_programs():
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1:]

    assert len(stages) == 2
    assert "pip uninstall --yes" in stages[-1]
    assert "/ensurepip " in stages[-1]
    assert "pip install" not in stages[-1]
    assert "python -m venv --without-pip /opt/confab" in stages[0]
    assert pinned("requirements.lock").keys() & {"pip", "setuptools", "wheel", "uv"} == set()


# The locks

EXTRAS = PROJECT["project"]["optional-dependencies"]
ASKED = PROJECT["project"]["dependencies"] + EXTRAS["mcp"] + EXTRAS["postgres"]


def pinned(name):
    """The version of each distribution of a lock, by its normal name."""
    lines = (ROOT / name).read_text().replace("\\\n", "").splitlines()
    found = [LOCKED.fullmatch(line) for line in lines if line and not line.lstrip().startswith("#")]
    assert all(found), f"{name} has a line that is no version with hashes"
    return {canonicalize_name(one["name"]): one["version"] for one in found}


def needed(requirements, seen):
    """The names of what these need, and what that needs in turn, on the image's Python; as far as it is installed here."""
    for text in requirements:
        one = Requirement(text)
        name = canonicalize_name(one.name)
        extras = one.extras or {""}
        if not any(one.marker is None or one.marker.evaluate({**IMAGE, "extra": extra}) for extra in {"", *extras}):
            continue
        if name in seen:
            continue
        seen.add(name)
        try:
            own = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            assert name == "audioop-lts", f"{name} is not installed here"  # discord.py asks for it from Python 3.13 on
            continue
        asked = [line for line in own if "extra ==" not in line or any(f'"{extra}"' in line for extra in one.extras)]
        needed([line.partition(";")[0] if "extra ==" in line else line for line in asked], seen)
    return seen


def test_the_lock_holds_what_the_project_asks_for_and_nothing_else():
    found = pinned("requirements.lock")
    wanted = [Requirement(line) for line in ASKED]

    assert {
        one.name: found.get(canonicalize_name(one.name))
        for one in wanted
        if not one.specifier.contains(found.get(canonicalize_name(one.name), "0"))
    } == {}
    assert set(found) == needed(ASKED, set()) - NOT_IN_THE_IMAGE


def test_the_build_lock_holds_what_builds_the_project():
    found = pinned("requirements-build.lock")

    for line in PROJECT["build-system"]["requires"]:
        assert Requirement(line).specifier.contains(found.pop(Requirement(line).name))
    assert found == {}


def test_the_image_installs_from_its_locks_alone():
    installs = [one for line in said("RUN") for one in re.findall(r"pip\b[^&]* (?:install|wheel) [^&]*", line)]

    assert len(installs) == 4
    assert [one for one in installs if "--no-deps" not in one] == []
    assert [one for one in installs if not ("--require-hashes" in one or "--no-index" in one)] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock"])
def test_a_lock_names_no_index_and_says_how_it_is_made_anew(name):
    text = (ROOT / name).read_text()

    assert "uv pip compile" in text
    assert f"--python-version {PYTHON} " in text
    assert re.findall(r"https?:|index-url|find-links|file:|@ ", text) == []


def test_the_image_runs_a_command_that_exists_as_nobody_special():
    (entry,), (command,), (user,) = said("ENTRYPOINT"), said("CMD"), said("USER")
    name, *words = json.loads(entry) + json.loads(command)

    assert (name in PROJECT["project"]["scripts"], unknown(words)) == (True, None)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert "--uid {} --gid".format(*user.split(":")) in said("RUN")[-1]
    assert "--gid {1} confab".format(*user.split(":")) in said("RUN")[-1]
    assert instructions().index(("USER", user)) > max(at for at, one in enumerate(instructions()) if one[0] == "RUN")


def test_the_images_settings_fit_together(monkeypatch):
    for name, value in variables().items():
        monkeypatch.setenv(name, value)
    chosen = Settings(_env_file=None)

    (volume,), (folder,), (port,) = said("VOLUME"), said("WORKDIR")[-1:], said("EXPOSE")
    assert (chosen.database_url, folder) == (f"sqlite:///{volume}/confab.db", volume)
    assert (chosen.confab_http_host, chosen.confab_http_port) == ("0.0.0.0", int(port))
    assert f"{volume}\n" in "\n".join(said("RUN")) + "\n"
    assert said("STOPSIGNAL") == ["SIGTERM"]


def checked():
    """The health check's command, of the image and of compose."""
    (health,) = said("HEALTHCHECK")
    return [json.loads(health.partition("CMD ")[2]), COMPOSE["healthcheck"]["test"][1:]]


def test_both_health_checks_are_one_and_ask_the_port_that_is_set():
    image, compose = checked()

    assert image == compose
    assert COMPOSE["healthcheck"]["test"][0] == "CMD"
    assert f"http://127.0.0.1:{variables()['CONFAB_HTTP_PORT']}/healthz" in image[-1]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
async def test_the_health_check_passes_only_while_the_server_answers(status, healthy):
    program, flag, script = checked()[0]
    async with answering(status) as port:
        asked = script.replace(":8080/", f":{port}/")
        process = await asyncio.create_subprocess_exec(
            sys.executable, flag, asked, stderr=asyncio.subprocess.DEVNULL
        )  # fmt: skip
        code = await process.wait()

    assert (program, code == 0) == ("python", healthy)


@asynccontextmanager
async def answering(status):
    """A port at which a server answers `/healthz` so; with None there is no server."""

    async def health(request):
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/healthz", health)
    async with TestServer(app) as server:
        if status is None:
            await server.close()
        yield server.port


# Compose


def test_compose_runs_the_image_with_its_settings_and_stops_it_gently():
    port = int(variables()["CONFAB_HTTP_PORT"])
    named = {name: variables()[name] for name in ("DATABASE_URL", "CONFAB_HTTP_HOST", "CONFAB_HTTP_PORT")}

    assert COMPOSE["environment"] == named
    assert COMPOSE["volumes"] == [f"data:{said('VOLUME')[0]}"]
    assert f"127.0.0.1:{port}:{port}" in (ROOT / "compose.yaml").read_text()
    assert (COMPOSE["env_file"], COMPOSE["restart"]) == (".env", "unless-stopped")
    assert seconds(COMPOSE["stop_grace_period"]) > GRACE


def test_compose_gives_the_container_nothing_it_does_not_need():
    hardened = {name: COMPOSE[name] for name in ("read_only", "cap_drop", "security_opt", "tmpfs", *LIMITS)}

    assert hardened == {
        "mem_limit": "1g",
        "memswap_limit": "1g",
        "pids_limit": 128,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": "/tmp",
    }


def seconds(text):
    return int(text[:-1]) * SECONDS[text[-1]]


# systemd


def test_the_unit_says_only_what_systemd_knows():
    assert {section: set(keys) - KEYS[section] for section, keys in unit().items()} == {name: set() for name in KEYS}


def test_the_unit_starts_what_was_installed_before_it():
    program, *words = SERVICE["ExecStart"].split()
    folder = program.removesuffix("/bin/confab")

    assert unknown(words) is None
    assert f"python3 -m venv {folder}\n" in DEPLOY
    assert f"{folder}/bin/pip install ." in DEPLOY
    assert f"install --mode=0600 .env {SERVICE['EnvironmentFile']}\n" in DEPLOY
    assert re.search(rf"useradd .* {SERVICE['User']}\n", DEPLOY)


def test_the_units_database_stands_where_it_may_write_and_where_backups_look():
    state = f"/var/lib/{SERVICE['StateDirectory']}"

    assert SERVICE["WorkingDirectory"] == state
    assert f"DATABASE_URL=sqlite:///{state}/confab.db" in SERVICE["Environment"]
    assert set(re.findall(r"sqlite:////var/[^\s'`]+", DEPLOY)) == {f"sqlite:///{state}/confab.db"}


def test_the_unit_stops_gently_and_does_not_start_again_what_no_start_mends():
    assert int(SERVICE["TimeoutStopSec"]) > GRACE
    assert (SERVICE["Restart"], SERVICE["RestartPreventExitStatus"]) == ("always", "2")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's own check")
def test_systemd_itself_finds_nothing_wrong_with_the_unit(tmp_path):
    text = re.search(r"```ini\n(.*?)```", DEPLOY, re.DOTALL)[1]
    (tmp_path / "confab.service").write_text(text.replace("/opt/confab/bin/confab", sys.executable))

    run = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "confab.service"], capture_output=True, text=True, check=False
    )

    assert (run.returncode, "confab.service" in run.stderr) == (0, False), run.stderr
