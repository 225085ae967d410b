"""The image: its steps one by one, as no engine is at hand where the tests run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import tomllib
import venv
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from dockerfile import Dockerfile, entering

ROOT = Path(__file__).resolve().parent.parent
IMAGE = Dockerfile.read(ROOT / "docker" / "Dockerfile")
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]  # fmt: skip
TARGETS = ("fittingroom", "serve")


def pins(*names: str) -> dict[str, str]:
    """Package -> version, of constraint files."""
    lines = [line for name in names for line in (ROOT / name).read_text("utf-8").splitlines()]
    return {_plain(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line and line[0] != "#"}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def context_files() -> list[str]:
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:  # not a checkout: a source archive
        return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()]


# ---------------------------------------------------------------------------------------------- read


def test_the_base_is_pinned_and_no_other_image_is_taken() -> None:
    outside = {stage.base for stage in IMAGE.stages.values()} - IMAGE.stages.keys()
    assert len(outside) == 1
    [base] = outside
    assert re.fullmatch(r"nvidia/cuda:\d+\.\d+\.\d+-base-ubuntu24\.04(@sha256:[0-9a-f]{64})?", base)
    toolkit = pins("docker/constraints-gpu.txt")["cuda-toolkit"]
    assert toolkit.startswith(base.split(":")[1].split("-")[0]), "CUDA of the base and of torch's wheel differ"


def test_what_is_copied_exists_and_enters_the_build() -> None:
    for stage in IMAGE.stages.values():
        for said in stage.all("COPY"):
            *sources, _ = said.split()
            if sources[0].startswith("--from="):
                assert sources[0].removeprefix("--from=") in IMAGE.stages
                continue
            for source in sources:
                assert (ROOT / source).exists(), source
                below = [name for name in context_files() if name == source or name.startswith(f"{source}/")]
                assert any(entering(IGNORED, name) for name in below), f".dockerignore keeps {source} out"


def test_no_data_and_no_key_enters_the_build() -> None:
    assert entering(IGNORED, "src/fittingroom/cli/__init__.py")
    for name in (
        ".env",
        "shop/.env",
        "src/.env",
        "shop/orders.csv",
        ".git/config",
        "models/a.safetensors",
        "tests/a.py",
    ):
        assert not entering(IGNORED, name), name


@pytest.mark.parametrize("stage", IMAGE.stages)
def test_every_step_is_plain_sh(stage: str) -> None:
    for step in IMAGE.stages[stage].all("RUN"):
        done = subprocess.run(["sh", "-n", "-c", step], capture_output=True, text=True)
        assert not done.returncode, (step, done.stderr)
        # Without -e a line ends with its last command's word; so each command hangs on the one before.
        assert ";" not in step.split(" -c ")[0], f"a failure before ';' would pass unseen: {step}"


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_root_and_no_secret_is_inside(target: str) -> None:
    user = IMAGE.last(target, "USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "a number, so that a cluster can see that it is not root"
    made = " ".join(IMAGE.stages["tools"].all("RUN"))
    assert f"--uid {user.split(':')[0]} " in made
    names = " ".join(IMAGE.environment(target))
    assert not re.search("TOKEN|PASSWORD|SECRET|FITTINGROOM_KEY", names)
    assert json.loads(IMAGE.last(target, "VOLUME")) == ["/workspace", "/models"]


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_phoned(target: str) -> None:
    """All that the package itself switches off stands in the image too, for programs beside it."""
    text = (ROOT / "src" / "fittingroom" / "__init__.py").read_text("utf-8")
    wanted = dict(re.findall(r'"([A-Z_]*(?:TRACK|TELEMETRY|USAGE_STATS)[A-Z_]*)": "(\w+)"', text))
    assert len(wanted) >= 5
    assert {name: IMAGE.environment(target).get(name) for name in wanted} == wanted
    assert IMAGE.environment(target)["PIP_NO_INDEX"] == "1"


def test_versions_are_the_tested_ones() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    have = pins("constraints.txt", "docker/constraints-gpu.txt")
    [extras] = re.findall(r"/src\[([\w,]+)\]", " ".join(IMAGE.stages["build"].all("RUN")))
    wanted = project["dependencies"] + [
        one for extra in extras.split(",") for one in project["optional-dependencies"][extra]
    ]
    assert [one for one in wanted if _plain(re.split(r"[<>=;\[ ]", one)[0]) not in have] == []
    assert f"torch=={have['torch']}" in " ".join(IMAGE.stages["build"].all("RUN"))
    assert {"hub", "modelscope", "qlora"} <= set(extras.split(","))
    assert not pins("constraints.txt").keys() & pins("docker/constraints-gpu.txt").keys()


@pytest.mark.parametrize("target", TARGETS)
def test_the_command_is_one_that_the_program_knows(target: str) -> None:
    from fittingroom.cli import cli

    entry, words = IMAGE.command(target, "ENTRYPOINT"), IMAGE.command(target, "CMD")
    assert entry == ["fittingroom", "-w", IMAGE.last(target, "WORKDIR")]
    if words == ["--help"]:
        return
    verb, *options = words
    command: Any = cli.commands[verb]
    said = command.make_context(verb, options, obj=None).params
    assert (said["host"], said["port"], said["expose"]) == ("0.0.0.0", int(IMAGE.last(target, "EXPOSE")), True)


def test_the_compose_file_opens_loopback_only() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))["services"]
    assert services["fittingroom"]["network_mode"] == "none"
    for service in services.values():
        assert (ROOT / "docker" / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert service["build"]["target"] in IMAGE.stages
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert services["serve"]["ports"] == [f"127.0.0.1:8000:{IMAGE.last('serve', 'EXPOSE')}"]
    assert "FITTINGROOM_TOKEN:?" in services["serve"]["environment"]["FITTINGROOM_TOKEN"]


def healthy(port: int, python: str = sys.executable) -> bool:
    """What the image's HEALTHCHECK says of a port."""
    words = [word.replace(":8000/", f":{port}/") for word in IMAGE.command("serve", "HEALTHCHECK")]
    assert words[0] == "python"
    assert f":{port}/health" in words[-1]
    return subprocess.run([python, *words[1:]], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize(("status", "good"), [(200, True), (503, False)])
def test_the_health_check_tells_up_from_starting(status: int, good: bool) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert healthy(server.server_port) is good
        finally:
            server.shutdown()
            thread.join()
    assert not healthy(server.server_port)  # nobody listens any more


# ---------------------------------------------------------------------------------------------- done


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build's steps done in a fresh environment, from a context that holds what `.dockerignore` lets in.

    Dependencies come from the environment of the tests (the image's own are the GPU's, several gigabytes).
    """
    folder = tmp_path_factory.mktemp("image")
    context, source, target = folder / "context", folder / "src", folder / "fittingroom"
    for name in filter(lambda name: entering(IGNORED, name), context_files()):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, context / name)
    for said in IMAGE.stages["build"].all("COPY"):
        *names, place = said.split()
        to = Path(place.replace("/src", str(source), 1))
        for name in names:
            if (context / name).is_dir():
                shutil.copytree(context / name, to)
            else:
                to.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(context / name, to / Path(name).name)
    venv.create(target, with_pip=True, symlinks=True)
    [site] = target.glob("lib/python*/site-packages")
    (site / "around.pth").write_text(sysconfig.get_path("purelib") + "\n")
    step = next(step for step in IMAGE.stages["build"].all("RUN") if "/src[" in step).split("&&")[0]
    words = shlex.split(step.replace("/opt/fittingroom", str(target)).replace("/src", str(source)))
    # The builder that pip fetches for this is held to the same versions.
    held = {"PIP_CONSTRAINT": IMAGE.environment("build")["PIP_CONSTRAINT"].replace("/src", str(source))}
    words += ["--no-deps", "--force-reinstall"]
    done = subprocess.run(words, env=os.environ | held, capture_output=True, text=True, timeout=400)
    assert not done.returncode, done.stderr
    return target


@pytest.mark.slow
def test_the_installed_program_runs_outside_its_source(prefix: Path, tmp_path: Path) -> None:
    environment = {"PATH": f"{prefix}/bin:{os.environ['PATH']}", "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def said(*words: str) -> str:
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert not done.returncode, done.stderr
        return done.stdout

    entry = ["fittingroom", "-w", str(tmp_path)]
    assert "serve" in said(*entry, *IMAGE.command("fittingroom", "CMD"))
    where = said("python", "-c", "import fittingroom; print(fittingroom.__file__)").strip()
    assert Path(where).is_relative_to(prefix), "the source was imported, not what the step installed"
    assert "DeepSeek-R1-Distill-Qwen-7B" in said(*entry, "models")
    said("python", "-c", "from fittingroom.models.load import *; load_model(resolve(ModelConfig(), Path()).path)")


@pytest.mark.slow
def test_the_server_of_the_image_is_found_healthy(prefix: Path, tmp_path: Path) -> None:
    from serving.test_serve import TOKEN, release

    release(tmp_path / "shop", tmp_path / "one")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    entry = [str(prefix / "bin" / "fittingroom"), "-w", str(tmp_path / "shop")]
    # Loopback in place of all addresses: a test opens no port to the network.
    put = {"0.0.0.0": "127.0.0.1", IMAGE.last("serve", "EXPOSE"): str(port)}
    words = [*entry, *(put.get(word, word) for word in IMAGE.command("serve", "CMD"))]
    environment = os.environ | {"FITTINGROOM_TOKEN": TOKEN, "FITTINGROOM_KEY": "a key of the tests"}
    assert not healthy(port)
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as server:
        end = time.monotonic() + 120
        while not healthy(port, str(prefix / "bin" / "python")) and server.poll() is None:
            assert time.monotonic() < end
        server.terminate()
        told = server.communicate(timeout=60)[1]
    assert f"http://127.0.0.1:{port}" in told
    # As the image has it, on all addresses, it refuses to start without a token that somebody chose.
    bare = {name: value for name, value in environment.items() if name != "FITTINGROOM_TOKEN"}
    refused = subprocess.run(
        [*entry, *IMAGE.command("serve", "CMD")], cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=120
    )
    assert refused.returncode == 2
    assert "FITTINGROOM_TOKEN" in refused.stderr


@pytest.mark.slow
def test_the_gpu_packages_exist_and_are_what_torch_asks_for(tmp_path: Path) -> None:
    """Asks the package index for the pinned wheels of the image's platform, without fetching the large ones."""
    from packaging.requirements import Requirement

    have = pins("constraints.txt", "docker/constraints-gpu.txt")
    wanted = ["torch", *pins("docker/constraints-gpu.txt")]
    glibc = [f"manylinux_2_{minor}_x86_64" for minor in range(39, 4, -1)] + ["manylinux2014_x86_64", "any"]
    report = tmp_path / "report.json"
    tags = [word for tag in glibc for word in ("--platform", tag)]
    tags += ["--python-version", "3.12", "--implementation", "cp", "--abi", "cp312", "--abi", "abi3", "--abi", "none"]
    ask = ["install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed", "--only-binary", ":all:"]
    put = ["--target", str(tmp_path), "--report", str(report), *(f"{name}=={have[name]}" for name in wanted)]
    words = [sys.executable, "-m", "pip", "--isolated", *ask, *tags, *put]
    done = subprocess.run(words, capture_output=True, text=True, timeout=400)
    if "Failed to establish a new connection" in done.stderr or "NameResolutionError" in done.stderr:
        pytest.skip("no package index can be reached")
    assert not done.returncode, done.stderr
    found = {_plain(one["metadata"]["name"]): one["metadata"] for one in json.loads(report.read_text())["install"]}
    assert found.keys() == set(wanted)
    platform = {"platform_system": "Linux", "sys_platform": "linux", "python_version": "3.12", "extra": ""}
    asked = [Requirement(one) for name in wanted for one in found[name].get("requires_dist", [])]
    needed = [one for one in asked if not one.marker or one.marker.evaluate(platform | {"platform_machine": "x86_64"})]
    assert any(one.name.startswith("nvidia-cudnn") for one in needed), "that is not the CUDA build"
    unmet = [
        str(one) for one in needed if not one.specifier.contains(have.get(_plain(one.name), "0"), prereleases=True)
    ]
    assert unmet == []
