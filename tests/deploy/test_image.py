"""The image and what runs it: checked by their own tools, and the image made and run."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.process import free_port
from helpers.client import Exchange
from helpers.completions import keyed, new_key
from helpers.image import STEP_SECONDS, Stage, build, missing
from helpers.limits import WAIT_SECONDS
from helpers.relay_process import PROJECT, StartRelay
from helpers.tools import run
from helpers.upstream import Upstream

# The first test waits for the image, which is made in three long steps.
pytestmark = pytest.mark.timeout(4 * STEP_SECONDS)

DEPLOY = PROJECT / "deploy"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}
WRITE = """
import os, pathlib, sys
assert os.getuid() == 10001
for place in ("/askbot/new", "/etc/new", "/venv/new", "/new"):
    try:
        pathlib.Path(place).write_text("")
    except OSError:
        continue
    sys.exit(place)
pathlib.Path("/state/new").write_text("")
pathlib.Path("/tmp/new").write_text("")
"""


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "Dockerfile"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"],
    ],
    ids=["Dockerfile", "compose.yaml"],
)
def test_the_files_are_valid(command: list[str]) -> None:
    """Their own tools have nothing to say."""
    run(*command, folder=DEPLOY, seconds=WAIT_SECONDS)


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    if reason := missing():
        pytest.skip(reason)
    # Not in the folder of the tests' own files, which others cannot enter.
    with TemporaryDirectory(prefix="askbot-image-") as folder:
        Path(folder).chmod(0o755)
        yield build(DEPLOY / "Dockerfile", PROJECT, Path(folder))


def test_what_is_in_it(image: Stage) -> None:
    """The relay and the built page, and nothing else of the project: no tests, and no keys."""
    files = {"app.py", "gunicorn.conf.py", "openai_client.py", "pyproject.toml"}
    names = {path.name for path in image.at("/askbot").iterdir()}
    assert names == files | {"doors", "relay", "page"}
    assert not list(image.at("/askbot").rglob("__pycache__"))


def test_what_it_can_write(image: Stage) -> None:
    """Nothing but its state and temporary files, as a user without rights."""
    image.run(["python", "-c", WRITE], {})


def test_it_runs(image: Stage, start_relay: StartRelay, upstream: Upstream) -> None:
    """It serves page and relay, keeps answers in its volume, and says that it is healthy."""
    port = free_port()
    environ = {
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_API_KEY": "sk-of-nobody",
        "PUBLIC": "1",
        "PORT": str(port),
    }
    start_relay(command=image.inside(image.command, environ))
    url = f"http://127.0.0.1:{port}"
    assert keyed(url, new_key()).text() == "Hello there."
    page = Exchange(url, method="GET", path="/", headers=BROWSER)
    assert page.headers["Content-Type"].startswith("text/html")
    assert image.at("/state/answers.sqlite3").stat().st_size > 0
    image.run(image.check, environ)
