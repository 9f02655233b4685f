"""Several replicas: what compose.scale.yaml and deploy/kubernetes say is valid, and two real processes answer as one bot.

Both are started with the very variables of the manifests, over a real PostgreSQL and behind a balancer.
"""

import asyncio
import copy
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose
from cryptography.fernet import Fernet

from bots.app.registry import PLATFORMS
from bots.ops.http_server import PARTING
from bots.slack.manifest import INSTALL, PATH, REDIRECT
from core.settings import Settings
from core.worker.worker import GRACE
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.nouns import BOT
from tests.fakes.slack.server import SlackFake
from tests.support import fork_server, postgres
from tests.support.round_robin import Balancer, balanced
from tests.support.waiting import until
from tests.support.wire import HOST, free_port

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
COMPOSE_TEXT = (ROOT / "compose.scale.yaml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)["services"]
CADDY = (ROOT / "deploy/caddy/Caddyfile").read_text()

VARIABLES = {name.upper() for kind in (Settings, *(one.settings() for one in PLATFORMS)) for name in kind.model_fields}
VERSIONS = ("1.31", "1.34", "1.37")  # of Kubernetes
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
PUBLIC = {"/slack", "/dashboard", "/sign-in", "/sign-ins", "/sign-out", "/signed-out", "/static"}
SECONDS = {"s": 1, "m": 60}


def read_env(name):
    """The variables of a file of `NAME=value` lines."""
    lines = [line for line in (FOLDER / name).read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def read_manifests():
    return {name: yaml.safe_load((FOLDER / name).read_text()) for name in KUSTOMIZATION["resources"]}


MANIFESTS = read_manifests()
BY_KIND = {one["kind"]: one for one in MANIFESTS.values()}
POD = BY_KIND["Deployment"]["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
CONFIGURED, SECRET = read_env("confab.env"), read_env("secret.env.example")
DISCORD = yaml.safe_load((FOLDER / "discord/deployment.yaml").read_text())


# Kubernetes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_what_kubernetes_takes(name, version):
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_discord_beside_slack_is_what_kubernetes_takes_and_runs_as_slack_does(version):
    """But that nobody sends it requests, and its processes share shards."""
    budget = yaml.safe_load((FOLDER / "discord/pod-disruption-budget.yaml").read_text())
    kubernetes_validate.validate(DISCORD, version, strict=True)
    kubernetes_validate.validate(budget, version, strict=True)
    renamed = yaml.safe_load(yaml.dump([DISCORD, budget]).replace("confab-discord", "confab"))
    pod, expected = renamed[0]["spec"]["template"]["spec"], copy.deepcopy(BY_KIND["Deployment"])
    (container,) = pod["containers"]
    of_slack = expected["spec"]["template"]["spec"]
    del of_slack["containers"][0]["lifecycle"]
    only, shares = container["args"].pop(), container.pop("env")
    of_slack["containers"][0]["args"].pop()
    assert pod.pop("terminationGracePeriodSeconds") > GRACE + PARTING
    del of_slack["terminationGracePeriodSeconds"]

    assert (only, shares) == ("discord", [{"name": "DISCORD_SHARDS", "value": "auto"}])
    assert renamed == [expected, BY_KIND["PodDisruptionBudget"]]
    assert {*(one["name"] for one in shares), "DISCORD_BOT_TOKEN"} <= VARIABLES
    lines = (FOLDER / "kustomization.yaml").read_text().splitlines()
    assert [line.split()[2] for line in lines if line.startswith("  # - ")] == [
        "discord/deployment.yaml",
        "discord/pod-disruption-budget.yaml",
    ]


def test_a_word_that_kubernetes_does_not_know_is_seen():
    broken = yaml.safe_load((FOLDER / "service.yaml").read_text())
    broken["spec"]["port"] = 80

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_the_kustomization_takes_every_manifest_and_makes_what_they_name():
    made = [one["name"] for one in (*KUSTOMIZATION["configMapGenerator"], *KUSTOMIZATION["secretGenerator"])]
    sources = [
        name
        for kind in ("configMapGenerator", "secretGenerator")
        for one in KUSTOMIZATION[kind]
        for name in one["envs"]
    ]

    assert set(KUSTOMIZATION["resources"]) == {one.name for one in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert sources == ["confab.env", "secret.env"]
    assert "deploy/kubernetes/secret.env\n" in (ROOT / ".gitignore").read_text()
    assert CONTAINER["envFrom"] == [{"configMapRef": {"name": made[0]}}, {"secretRef": {"name": made[1]}}]
    assert [one["name"] for one in KUSTOMIZATION["images"]] == [CONTAINER["image"]]
    assert BY_KIND["Namespace"]["metadata"]["name"] == KUSTOMIZATION["namespace"]


def test_what_selects_the_pods_selects_these():
    labels = POD["metadata"]["labels"]
    spec = {kind: BY_KIND[kind]["spec"] for kind in ("Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy")}
    spread = [one["labelSelector"]["matchLabels"] for one in POD["spec"]["topologySpreadConstraints"]]

    assert spec["Service"]["selector"] == labels
    assert [spec[kind]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")] == [labels] * 2
    assert spread == [labels] * 2
    (policed,) = spec["NetworkPolicy"]["podSelector"]["matchExpressions"]
    named = [one["spec"]["template"]["metadata"]["labels"][policed["key"]] for one in (BY_KIND["Deployment"], DISCORD)]
    assert (policed["operator"], policed["values"]) == ("In", named)


def test_every_variable_of_the_manifests_is_a_setting_and_their_ports_are_one():
    port = int(CONFIGURED["CONFAB_HTTP_PORT"])
    (named,) = CONTAINER["ports"]
    (served,) = BY_KIND["Service"]["spec"]["ports"]
    rule = BY_KIND["Ingress"]["spec"]["rules"][0]
    backends = [one["backend"]["service"] for one in rule["http"]["paths"]]

    assert {*CONFIGURED, *SECRET} - VARIABLES == set()
    assert (named["containerPort"], POD["metadata"]["annotations"]["prometheus.io/port"]) == (port, str(port))
    assert {served["targetPort"], *(CONTAINER[probe]["httpGet"]["port"] for probe in PROBES)} == {named["name"]}
    assert BY_KIND["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"port": named["name"], "protocol": "TCP"}]
    assert backends == [{"name": BY_KIND["Service"]["metadata"]["name"], "port": {"name": served["name"]}}] * len(
        PUBLIC
    )
    assert CONFIGURED["CONFAB_PUBLIC_URL"] == f"https://{rule['host']}"


def test_the_pods_may_do_nothing_they_do_not_need_and_are_stopped_gently():
    pod, made = POD["spec"], (ROOT / "Dockerfile").read_text()
    mounted = [one["mountPath"] for one in CONTAINER["volumeMounts"]]

    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert (pod["automountServiceAccountToken"], pod["securityContext"]["runAsNonRoot"]) == (False, True)
    assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}\n" in made
    assert mounted == ["/tmp", *re.findall(r"^VOLUME (.*)$", made, re.MULTILINE)]
    waits = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > waits + GRACE + PARTING
    assert BY_KIND["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_node_can_be_drained_while_the_database_is_away_and_no_replica_ready():
    assert BY_KIND["PodDisruptionBudget"]["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


# The walks


def find_steps(*words):
    """Where the commands stand in the manual that begin with these words, in its order."""
    lines = (ROOT / "docs/scale.md").read_text().splitlines()
    return [next(number for number, line in enumerate(lines) if line.startswith(begin)) for begin in words]


def test_the_walks_make_what_their_next_step_needs():
    compose = "docker compose --file compose.scale.yaml"
    steps = find_steps("docker compose exec confab cat", f"{compose} build", "export PGPASSWORD", "docker run --rm")
    apply = "kubectl apply -k deploy/kubernetes"
    namespaced = find_steps("kubectl apply -f deploy/kubernetes/namespace.yaml", f"{apply} --dry-run=server")

    assert steps == sorted(steps)
    assert namespaced == sorted(namespaced)


# Compose


def test_the_compose_file_is_what_docker_compose_takes():
    merged = yaml.safe_dump(yaml.safe_load(COMPOSE_TEXT))  # this library knows no merge keys; Compose does

    PyCompose.from_yaml(merged).validate()
    with pytest.raises(ValueError, match="stop_grace"):
        PyCompose.from_yaml(merged.replace("stop_grace_period", "stop_grace"))


@pytest.mark.parametrize("name", COMPOSE)
def test_no_container_is_root_or_may_write_its_root_and_each_has_limits(name):
    service = COMPOSE[name]

    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["restart"] == "unless-stopped"
    assert re.fullmatch(r"confab|(?:caddy|postgres):\d+\.\d+(?:\.\d+)?", service["image"])


def test_the_replicas_of_compose_are_those_of_kubernetes():
    confab, plain = COMPOSE["confab"], yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["confab"]
    set_here = confab["environment"]

    assert confab["deploy"]["replicas"] == BY_KIND["Deployment"]["spec"]["replicas"] == 2
    assert confab["command"] == CONTAINER["args"]
    assert set(set_here) - VARIABLES == {"PGPASSWORD"}
    assert confab["user"] in (ROOT / "Dockerfile").read_text()
    assert {name: set_here[name] for name in ("CONFAB_HTTP_HOST", "CONFAB_HTTP_PORT")} == {
        name: CONFIGURED[name] for name in ("CONFAB_HTTP_HOST", "CONFAB_HTTP_PORT")
    }
    *begins, asked = plain["healthcheck"]["test"]
    live = CONTAINER["livenessProbe"]["httpGet"]["path"]
    assert confab["healthcheck"] == {**plain["healthcheck"], "test": [*begins, asked.replace("/healthz", live)]}
    grace = confab["stop_grace_period"]
    assert int(grace[:-1]) * SECONDS[grace[-1]] > GRACE + PARTING
    assert confab["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert COMPOSE["database"]["healthcheck"]["test"][1] == "pg_isready"


def test_discord_runs_as_slack_does_but_for_what_it_listens_to():
    confab, discord = COMPOSE["confab"], dict(COMPOSE["discord"])

    assert discord.pop("profiles") == ["discord"]
    assert (discord.pop("pull_policy"), discord["command"]) == (
        "never",
        DISCORD["spec"]["template"]["spec"]["containers"][0]["args"],
    )
    assert discord.pop("environment") == {**confab["environment"], "DISCORD_SHARDS": "auto"}
    assert {**confab, "command": discord["command"]} == {**discord, "build": ".", "environment": confab["environment"]}


def test_the_compose_file_names_what_has_to_stand_in_env():
    named = set(re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT))
    told = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", COMPOSE_TEXT.partition("name: confab")[0]))

    assert named <= told
    assert told - VARIABLES == {"POSTGRES_PASSWORD", "COMPOSE_PROFILES"}


# What is public


def test_both_balancers_pass_on_what_slack_and_browsers_need_and_nothing_else():
    paths = BY_KIND["Ingress"]["spec"]["rules"][0]["http"]["paths"]
    by_caddy = re.search(r"@served path (.*)", CADDY)[1].split()
    by_manual = re.search(r"has to hand over (.*?), and no more", (ROOT / "docs/dashboard.md").read_text())[1]

    assert {(one["path"], one["pathType"]) for one in paths} == {(path, "Prefix") for path in PUBLIC}
    assert {path.removesuffix("/*") for path in by_caddy} == PUBLIC
    assert {urlsplit(path).path.rpartition("/")[0] for path in (PATH, INSTALL, REDIRECT)} == {"/slack"}
    assert set(re.findall(r"`(/[\w-]+)`", by_manual)) == PUBLIC - {"/slack"}
    assert f"dynamic a confab {CONFIGURED['CONFAB_HTTP_PORT']} " in CADDY
    assert not [one for one in COMPOSE["balancer"]["ports"] if one.endswith("/udp")]
    assert "protocols h1 h2 " in CADDY  # it would name its own port for HTTP/3, and not the published one
    published = [one.split(":")[1].partition("/")[0] for one in COMPOSE["balancer"]["ports"]]
    assert set(published) == set(re.findall(r"https?_port (\d+)", CADDY))


# Two processes with the manifests' own variables


@dataclass(frozen=True, slots=True)
class Replicas:
    """Two processes behind a balancer."""

    slack: SlackFake
    claude: ClaudeFake
    ports: list[int]
    processes: list[fork_server.Process]
    balancer: Balancer

    async def ask(self, words):
        return await self.slack.say("ada", "dev", f"<@{BOT}> {words}")

    def answers(self, asked):
        return [one.text for one in self.slack.thread("dev", asked) if one.user == BOT]


def variables(slack, claude, database, port):
    """What a pod is given; of its addresses those that are on this machine."""
    filled = {
        "ANTHROPIC_API_KEY": claude.key,
        "SLACK_BOT_TOKEN": slack.token,
        "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
        "CONFAB_SECRET_KEY": KEY,
        "DATABASE_URL": database,
    }
    assert filled.keys() == SECRET.keys()
    here = {"CONFAB_HTTP_HOST": HOST, "CONFAB_HTTP_PORT": str(port)}
    loopback = {"ANTHROPIC_BASE_URL": claude.url, "SLACK_API_URL": slack.base_url}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **CONFIGURED, **filled, **here, **loopback}


KEY = Fernet.generate_key().decode()


async def start(folder, environment):
    with (folder / f"log-{environment['CONFAB_HTTP_PORT']}").open("ab") as log:
        return await fork_server.start(
            *CONTAINER["args"], folder=folder, environment=environment, stdout=log.fileno(), stderr=log.fileno()
        )


async def probe(port, name):
    """The status of a probe; None, where nobody listens."""
    path = CONTAINER[name]["httpGet"]["path"]
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{port}{path}") as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return None


async def probed(port, expected):
    async with asyncio.timeout(40):
        while [await probe(port, name) for name in PROBES] != expected:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def replicas(folder: Path, database: str) -> AsyncIterator[Replicas]:
    ports, front = [free_port(), free_port()], free_port()
    async with SlackFake() as slack, ClaudeFake() as claude, balanced(front, ports) as balancer:
        given = [variables(slack, claude, database, port) for port in ports]
        processes = [await start(folder, one) for one in given]
        try:
            for port in ports:
                await probed(port, [200] * 3)
            slack.deliver_http(f"http://{HOST}:{front}{PATH}", given[0]["SLACK_SIGNING_SECRET"])
            yield Replicas(slack, claude, ports, processes, balancer)
        finally:
            for one in processes:
                one.kill()
                await one.wait()


async def test_two_replicas_answer_each_question_once_while_one_is_killed(tmp_path):
    gate = Gate()
    with postgres.borrowed_database() as database:
        async with replicas(tmp_path, database) as running:
            running.claude.answer = lambda body: Answer(text="fine")
            asked = [await running.ask(f"question {number}") for number in range(6)]
            await until(lambda: all(running.answers(one) for one in asked), 30)
            running.claude.answer = lambda body: Answer(text="fine", gate=gate)
            asked += [await running.ask(f"question {number}") for number in range(6, 12)]
            await gate.reached.wait()
            running.processes[0].kill()
            await running.processes[0].wait()
            gate.opened.set()
            asked += [await running.ask(f"question {number}") for number in range(12, 15)]
            await until(lambda: all(running.answers(one) for one in asked), 60)
            answers = [running.answers(one) for one in asked]
            passed = running.balancer.answered

    assert answers == [["fine"]] * 15
    assert len(passed) == 2


async def test_a_replica_that_is_told_to_stop_answers_what_is_under_way_and_hears_what_comes_meanwhile(tmp_path):
    gate = Gate()
    with postgres.borrowed_database() as database:
        async with replicas(tmp_path, database) as running:
            running.claude.answer = lambda body: Answer(text="fine", gate=gate)
            asked = [await running.ask(f"question {number}") for number in range(4)]
            await gate.reached.wait()
            first = running.processes[0]
            first.send_signal(signal.SIGTERM)
            asked.append(await running.ask("one more"))
            gate.opened.set()
            code = await asyncio.wait_for(first.wait(), POD["spec"]["terminationGracePeriodSeconds"])
            await until(lambda: all(running.answers(one) for one in asked), 30)
            answers = [running.answers(one) for one in asked]

    assert (code, answers) == (0, [["fine"]] * 5)


@pytest.mark.reliability
async def test_a_database_that_is_away_makes_no_replica_ready_and_kills_none(tmp_path):
    with postgres.started() as server:
        async with replicas(tmp_path, server.url) as running:
            running.claude.answer = lambda body: Answer(text="fine")
            server.kill()
            for port in running.ports:
                async with asyncio.timeout(40):
                    while await probe(port, "readinessProbe") == 200:
                        await asyncio.sleep(0.05)
            alive = [await probe(port, "livenessProbe") for port in running.ports]
            server.start()
            for port in running.ports:
                await probed(port, [200] * 3)
            asked = await running.ask("question")
            await until(lambda: running.answers(asked), 30)
            answers = running.answers(asked)

    assert (alive, answers) == ([200, 200], ["fine"])
