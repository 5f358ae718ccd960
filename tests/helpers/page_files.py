"""A small folder that stands for the built page, for tests that need no browser."""

from pathlib import Path

SCRIPT = "/assets/index-abc.js"
SHELL = """<!doctype html>
<meta http-equiv="Content-Security-Policy" content="default-src &#39;self&#39;">
<title>Askbot</title>
"""


def write_page(folder: Path) -> Path:
    (folder / "assets").mkdir()
    (folder / "index.html").write_text(SHELL, encoding="ascii")
    (folder / "sw.js").write_text("// The worker.", encoding="ascii")
    (folder / "manifest.webmanifest").write_text("{}", encoding="ascii")
    (folder / SCRIPT[1:]).write_text("// The page.\n" * 1000, encoding="ascii")
    return folder
