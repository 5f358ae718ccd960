"""The page as its operator serves it: built, behind Vite's server, in front of a relay."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.limits import WORK_SECONDS
from helpers.relay_process import PROJECT, RelayProcess

FRONTEND = PROJECT / "frontend"
BUILT = FRONTEND / "dist/index.html"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = [
    # Chromium's own sandbox needs more than a container allows.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    # It asks nobody but the page.
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What the mouse wheel scrolls is scrolled at once, so that a test can tell when it is.
    "--disable-smooth-scrolling",
    # Of two such options the last one counts, and Playwright has its own: the first four lines are
    # those of Playwright 1.65. The last line is what each window otherwise prepares in processes of
    # its own, at the cost of half a page: lists below the address bar, and a spare tab.
    "--disable-features="
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,"
    "HttpsFirstBalancedModeAutoEnable,LensOverlay,MediaRouter,PaintHolding,AimEnabled,"
    "ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,OptimizationHints,"
    "NetworkTimeServiceQuerying,PreconnectToSearch,"
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess",
]
# A name that is not this machine's, for a browser that is told where to find it.
OTHER_HOST = "askbot.test"

ADDRESS = re.compile(r"Local: +(http://[0-9.]+:[0-9]+)/")


def missing() -> str | None:
    """What a machine lacks for the page to be seen, in a sentence."""
    if not CHROMIUM.exists():
        return "Chromium is missing: install Debian's package chromium"
    if node() is None:
        return "Node is missing: make test installs it"
    if not (FRONTEND / "node_modules").is_dir():
        return "the page's packages are missing: make test installs them"
    return None


def build() -> None:
    """Builds the page, unless what is built is newer than all it is made of."""
    # Of several processes that run tests one builds, and the others find it built.
    with (FRONTEND / "node_modules/.build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_built():
            build_into(BUILT.parent)


def _is_built() -> bool:
    sources = [*FRONTEND.glob("src/**/*"), *FRONTEND.glob("public/**/*"), *FRONTEND.glob("*.*")]
    newest = max(path.stat().st_mtime for path in sources if path.is_file())
    return BUILT.is_file() and BUILT.stat().st_mtime >= newest


def build_into(folder: Path, **environ: str) -> None:
    command = ["npm", "run", "build", "--silent", "--", "--outDir", str(folder), "--emptyOutDir"]
    environ = os.environ | {"PATH": _path()} | environ
    subprocess.run(command, cwd=FRONTEND, env=environ, check=True, timeout=WORK_SECONDS)


def serve(relay_url: str, built: Path = BUILT.parent) -> RelayProcess:
    """Starts the server of the page in the folder `built`; its `url` is the page's address."""
    return _start_vite(relay_url, "preview", str(FRONTEND), "--outDir", str(built))


def develop(relay_url: str) -> RelayProcess:
    """Starts Vite's development server."""
    return _start_vite(relay_url, "dev", str(FRONTEND))


def _start_vite(relay_url: str, *command: str) -> RelayProcess:
    program = node()
    assert program is not None
    vite = str(FRONTEND / "node_modules/vite/bin/vite.js")
    where = ["--strictPort", "--host", "127.0.0.1", "--port", "0"]
    server = RelayProcess(
        {
            "RELAY_URL": relay_url,
            "NO_COLOR": "1",
            "__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS": OTHER_HOST,
        },
        command=[program, vite, *command, *where],
    )
    server.url = server.wait_for_line(ADDRESS)[1]
    return server


def node() -> str | None:
    return shutil.which("node", path=_path())


def _path() -> str:
    # `make` puts a Node into the environment's folder where the machine has none.
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
