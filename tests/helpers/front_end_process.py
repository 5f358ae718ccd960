"""The pages that docs/clients.md has the code of, built as their makers would, and served."""

import fcntl
import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

from helpers import page_process
from helpers.limits import WORK_SECONDS
from helpers.relay_process import PROJECT, RelayProcess

HERE = PROJECT / "tests/front_ends"
DOCUMENT = PROJECT / "docs/clients.md"
CLIENT = PROJECT / "frontend/src/client/askbot.js"
PAGES, BUILT = HERE / "dist/pages", HERE / "dist/built"
# What stands for the relay's address in the document.
ADDRESS = "http://localhost:2000"

HTML = '<!doctype html><meta charset="utf-8" /><title>A page</title><body>{body}</body>'
SCRIPT = '<script type="module" src="./{name}.{kind}"></script>'
MAIN = """
import {{ createElement }} from 'react'
import {{ createRoot }} from 'react-dom/client'
import Page from './{name}.page.jsx'
createRoot(document.querySelector('main')).render(createElement(Page))
"""


def missing() -> str | None:
    """What a machine lacks for the pages to be seen, in a sentence."""
    if not (HERE / "node_modules").is_dir():
        return "the front ends' packages are missing: make test installs them"
    return page_process.missing()


def code(heading: str, position: int = 0) -> str:
    """One piece of code of a section of the document."""
    return _code(heading)[position][1]


def _code(heading: str) -> list[tuple[str, str]]:
    """All of them, each with its language."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.M)
    assert section is not None, f"docs/clients.md has no section {heading}"
    return re.findall(r"^```(\w+)\n(.*?)^```", section[1], re.DOTALL | re.MULTILINE)


def pages() -> dict[str, str]:
    """All files of the pages, by name."""
    files = {"askbot.js": CLIENT.read_text(encoding="utf-8")}
    for name, heading, position in (
        ("fetch", "fetch", 0),
        ("chat", "The AI SDK", 0),
        ("completion", "The AI SDK", 1),
        ("resume", "The AI SDK", 2),
        ("pictures", "The AI SDK", 3),
        ("assistant-ui", "assistant-ui", 0),
    ):
        files |= _react_page(name, code(heading, position))
    plain = code("The AI SDK").replace("useChat({ transport })", "useChat()")
    files |= _react_page("chat-by-default", plain)
    for name, heading in (
        ("askbot-page", "askbot.js"),
        ("openai", "openai for JavaScript"),
        ("deep-chat", "deep-chat"),
        ("axios", "axios"),
        ("event-source", "EventSource"),
        ("htmx", "htmx"),
    ):
        files |= _plain_page(name, dict(_code(heading)))
    return files


def _react_page(name: str, page: str) -> dict[str, str]:
    body = "<main></main>" + SCRIPT.format(name=name, kind="js")
    return {
        f"{name}.html": HTML.format(body=body),
        f"{name}.js": MAIN.format(name=name),
        f"{name}.page.jsx": page,
    }


def _plain_page(name: str, parts: dict[str, str]) -> dict[str, str]:
    body = parts.get("html", "<output></output>") + SCRIPT.format(name=name, kind="js")
    return {f"{name}.html": HTML.format(body=body), f"{name}.js": parts["js"]}


def build() -> None:
    """Builds the pages, unless what is built is made of the same files."""
    made_of = json.dumps([pages(), (HERE / "package-lock.json").read_text(encoding="utf-8")])
    stamp = HERE / "dist/made-of.json"
    # Of several processes that run tests one builds, and the others find it built.
    with (HERE / "node_modules/.build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == made_of:
            return
        shutil.rmtree(HERE / "dist", ignore_errors=True)
        PAGES.mkdir(parents=True)
        for name, text in pages().items():
            (PAGES / name).write_text(text, encoding="utf-8")
        subprocess.run(
            [*_vite(), "build", "--logLevel", "error"], cwd=HERE, check=True, timeout=WORK_SECONDS
        )
        stamp.write_text(made_of, encoding="utf-8")


def serve_behind_proxy(relay_url: str, folder: Path) -> RelayProcess:
    """The pages behind Vite's server, with the document's own configuration."""
    config = folder / "vite.config.js"
    config.write_text(code("Vite's proxy").replace(ADDRESS, relay_url), encoding="utf-8")
    # Where it is, `vite` would not be found.
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    where = ["--config", str(config), "--strictPort", "--host", "127.0.0.1", "--port", "0"]
    command = [*_vite(), "preview", str(PAGES), "--outDir", str(BUILT), *where]
    server = RelayProcess({"NO_COLOR": "1"}, command=command)
    server.url = server.wait_for_line(page_process.ADDRESS)[1]
    return server


def _vite() -> list[str]:
    node = page_process.node()
    assert node is not None
    return [node, str(HERE / "node_modules/vite/bin/vite.js")]


class Pages:
    """A server of the pages, in which the relay is where the test wants it."""

    def __init__(self) -> None:
        self.relay_url = ADDRESS
        handler = functools.partial(_Handler, self, directory=str(BUILT))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, pages: Pages, *args: object, directory: str) -> None:
        self._pages = pages
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_text(encoding="utf-8").replace(ADDRESS, self._pages.relay_url).encode()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(data)))
        # Another test may have another relay.
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None: ...
