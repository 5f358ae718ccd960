"""A Dockerfile without a container engine: its steps in bubblewrap, on this machine's own system.

The base images are this machine's Debian, with the Python of the test run. All else is as in a
container: what a step does not make, it cannot change.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dockerfile_parse import DockerfileParser

from helpers.limits import WORK_SECONDS
from helpers.page_process import node

# The beginning of a reason to skip that no installation would mend.
FORBIDDEN_HERE = "this machine does not allow it: "

PATH = f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin:/node/bin"
# The longest step downloads all packages of the page.
STEP_SECONDS = 2 * WORK_SECONDS
# What a machine needs for downloads.
OF_THE_MACHINE = re.compile(r"(PIP|npm|NPM|NODE|SSL)_|.*_(proxy|PROXY)$")


def missing() -> str | None:
    """What a machine lacks for an image to be made, in a sentence."""
    if shutil.which("bwrap") is None:
        return "needs Debian's package bubblewrap"
    if os.getuid() != 0:
        return "only root can give files to another user, as the image's steps do"
    trial = subprocess.run(["bwrap", "--ro-bind", "/", "/", "true"], check=False)
    return f"{FORBIDDEN_HERE}bubblewrap needs namespaces" if trial.returncode else None


@dataclass
class Stage:
    """One stage of the build, or the image: its folders, and what it says about running it."""

    folder: Path
    workdir: str = "/"
    user: str = "0:0"
    environ: dict[str, str] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)

    def at(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.folder / str(PurePosixPath(self.workdir, path)).lstrip("/")

    def inside(
        self, command: list[str], environ: Mapping[str, str], *, read_only: bool = True
    ) -> list[str]:
        """The command that runs a command in the image: with a root of its own, as its user."""
        wrapped = ["bwrap", "--die-with-parent", "--unshare-pid", "--clearenv"]
        wrapped += ["--ro-bind" if read_only else "--bind", str(self.folder), "/"]
        for system, place in _system():
            wrapped += ["--ro-bind-try", system, place]
        for volume in self.volumes:
            wrapped += ["--bind", str(self.at(volume)), volume]
        wrapped += ["--dev", "/dev", "--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp"]
        wrapped += ["--chdir", self.workdir]
        for name, value in ({"PATH": PATH} | self.environ | dict(environ)).items():
            wrapped += ["--setenv", name, value]
        user, _, group = self.user.partition(":")
        wrapped += ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        return [*wrapped, "--no-new-privs", *command]

    def run(
        self, command: list[str], environ: Mapping[str, str], *, read_only: bool = True
    ) -> None:
        wrapped = self.inside(command, environ, read_only=read_only)
        subprocess.run(wrapped, check=True, timeout=STEP_SECONDS)


@dataclass(frozen=True)
class Patterns:
    """The lines of a .dockerignore. The last that fits decides."""

    lines: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path) -> "Patterns":
        lines = file.read_text(encoding="utf-8").splitlines()
        return cls(tuple(line for line in lines if line and not line.startswith("#")))

    def leave_out(self, path: PurePosixPath) -> bool:
        """Whether the path, or a folder that it is in, is left out."""
        ways = [str(each) for each in (path, *path.parents)]
        is_left_out = False
        for line in self.lines:
            pattern = line.removeprefix("!")
            names = [way.rpartition("/")[2] for way in ways] if "**/" in pattern else ways
            if any(fnmatch.fnmatchcase(name, pattern.removeprefix("**/")) for name in names):
                is_left_out = not line.startswith("!")
        return is_left_out


def _copy(origin: Path, source: str, target: Path, patterns: Patterns) -> None:
    """COPY: a folder's contents, or a file."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        inside = PurePosixPath(Path(folder).relative_to(origin))
        return [name for name in names if patterns.leave_out(inside / name)]

    target.mkdir(parents=True, exist_ok=True)
    if (origin / source).is_dir():
        shutil.copytree(origin / source, target, symlinks=True, ignore=left_out, dirs_exist_ok=True)
    else:
        assert not patterns.leave_out(PurePosixPath(source)), f"{source} is left out"
        shutil.copy2(origin / source, target)


def _system() -> list[tuple[str, str]]:
    """The parts of this machine that an image would have, and where it has them."""
    found = [(each, each) for each in ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt")]
    if not sys.base_prefix.startswith("/usr"):
        found.append((sys.base_prefix, sys.base_prefix))
    if program := node():
        found.append((str(Path(program).resolve().parents[1]), "/node"))
    return found


def build(dockerfile: Path, context: Path, folder: Path) -> Stage:
    """Follows the steps, and returns the image."""
    stages: dict[str, Stage] = {}
    parser = DockerfileParser(path=str(folder / "Dockerfile"))
    parser.content = dockerfile.read_text(encoding="utf-8")
    ignored = Patterns.read(dockerfile.with_name(f"{dockerfile.name}.dockerignore"))
    stage = Stage(folder)
    for step in parser.structure:
        value = step["value"]
        match step["instruction"]:
            case "FROM":
                name = value.partition(" AS ")[2] or "image"
                stage = stages[name] = Stage(folder / name)
                stage.folder.mkdir()
            case "WORKDIR":
                stage.workdir = value
                stage.at(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                *sources, place = shlex.split(value)
                if sources[0].startswith("--from="):
                    origin, left_out = stages[sources.pop(0)[7:]].folder, Patterns()
                else:
                    origin, left_out = context, ignored
                for source in sources:
                    _copy(origin, source.strip("/"), stage.at(place), left_out)
            case "RUN":
                machine = {
                    name: os.environ[name] for name in os.environ if OF_THE_MACHINE.match(name)
                }
                stage.run(["sh", "-c", value], machine, read_only=False)
            case "ENV":
                given = dict(each.split("=", 1) for each in shlex.split(value))
                stage.environ |= {name: text.replace("$PATH", PATH) for name, text in given.items()}
            case "USER":
                stage.user = value
            case "VOLUME":
                stage.volumes.append(value)
            case "CMD":
                stage.command = json.loads(value)
            case "HEALTHCHECK":
                stage.check = json.loads(value.partition("CMD ")[2])
            case "COMMENT" | "EXPOSE":
                pass
            case other:
                raise AssertionError(f"{other} is not known here")
    return stage
