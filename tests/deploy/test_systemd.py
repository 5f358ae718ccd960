"""systemd's unit: checked by systemd's own tool, and its command run as systemd would."""

import configparser
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.process import free_port
from helpers.completions import keyed, new_key
from helpers.limits import WAIT_SECONDS
from helpers.proxy_process import changed
from helpers.relay_process import PROJECT, StartRelay
from helpers.upstream import Upstream

# systemd's own scale: 0 is a service that can do nothing, 10 one that can do everything.
MOST_EXPOSED = 2.0

# Where the unit says that the project and its packages are.
HERE = {"/opt/askbot/.venv": sys.prefix, "/opt/askbot": str(PROJECT)}


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, for the project where it is."""
    file = tmp_path / "askbot.service"
    file.write_text(changed("askbot.service", HERE), encoding="utf-8")
    return file


def analyse(*arguments: str | Path) -> str:
    """What `systemd-analyze` prints. It must find nothing wrong."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs Debian's package systemd")
    command = ["systemd-analyze", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_unit_is_valid(unit: Path) -> None:
    """systemd knows every line of it."""
    assert analyse("verify", "--man=no", unit) == ""


def test_the_unit_is_confined(unit: Path) -> None:
    """Whoever takes over the relay gets little of the host."""
    threshold = round(10 * MOST_EXPOSED)
    analyse("security", "--offline=yes", "--no-pager", f"--threshold={threshold}", unit)


def test_the_unit_runs(
    unit: Path, start_relay: StartRelay, upstream: Upstream, tmp_path: Path
) -> None:
    """Its command starts a relay that tells systemd so, and keeps answers in the unit's folder."""
    assert upstream
    service = configparser.ConfigParser(strict=False, interpolation=None)
    service.optionxform = str  # type: ignore[assignment, method-assign]  # Names have capitals.
    service.read(unit)
    settings = service["Service"]
    name, _, value = settings["Environment"].partition("=")
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WAIT_SECONDS)
        environ = {
            "PORT": str(port),
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            name: value.replace("%S", str(tmp_path)),
        }
        relay = start_relay(command=settings["ExecStart"].split(), **environ)
        assert b"READY=1" in systemd.recv(4096)
    assert keyed(relay.url, new_key()).text() == "Hello there."
    assert list((tmp_path / settings["StateDirectory"]).glob("*.sqlite3"))
    assert settings["WorkingDirectory"] == str(PROJECT)
