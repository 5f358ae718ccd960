"""/, and the files of the built page if the relay serves it itself (`PAGE_DIR`)."""

from functools import partial
from pathlib import Path

from flask import Flask, Response, jsonify, request, send_from_directory

from doors.serving import serving

SHELL = "index.html"

# Names in this folder change with the contents.
LASTING = "assets/"
YEAR_SECONDS = 31_536_000

HEADERS = {
    # The page has a policy of its own. This directive works only as a header.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def add_page(app: Flask, folder: Path) -> frozenset[str]:
    """Serves the files of the folder, each at its own address. Returns the addresses.

    The files are listed once, so that no address leads out of the folder.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path.relative_to(folder).as_posix() for path in files]
    for name in names:
        app.add_url_rule(f"/{name}", f"page/{name}", partial(show, folder, name))
    return frozenset(f"/{name}" for name in names)


def show(folder: Path, name: str) -> Response:
    """One file. Browsers ask each time whether it has changed, unless its name would have."""
    lasts = name.startswith(LASTING)
    response = send_from_directory(folder, name, max_age=YEAR_SECONDS if lasts else None)
    if lasts:
        response.cache_control.immutable = True
    response.headers.update(HEADERS)
    return response


def home() -> Response:
    """A sign of life. Whoever prefers HTML, as browsers do, gets the page if there is one."""
    folder = serving().settings.page_dir
    if folder is None:
        return jsonify(data="success")
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    response = show(folder, SHELL) if best == "text/html" else jsonify(data="success")
    response.vary.add("Accept")
    return response
