"""The host of the page: a real nginx, set up right and wrongly."""

import html
from pathlib import Path

import pytest

from doctor.page import ADDRESS, CACHING, POLICY, check_page
from doctor.report import Finding
from helpers.bare_proxy_process import Nginx
from helpers.deployed_relay import ORIGIN

META = '<meta http-equiv="Content-Security-Policy" content="{}">'
POLICY_OF_PAGE = "default-src 'none'; connect-src 'self' https://relay.example"
HEADERS = """
add_header Content-Security-Policy "frame-ancestors 'none'";
add_header Cache-Control no-cache;
"""
LOCATION = (
    "location /page/ {{ {headers} {more} }} root {folder}; types {{ text/html html; {script} }}"
)


def check(
    folder: Path,
    *,
    policy: str = POLICY_OF_PAGE,
    headers: str = HEADERS,
    more: str = "",
    script: str = "text/javascript js;",
    worker: str = "sw.js",
    relay: str = "https://relay.example",
) -> list[Finding]:
    """What is found about a page that nginx serves."""
    page = folder / "page"
    page.mkdir()
    # As Vite writes it.
    meta = META.format(html.escape(policy)) if policy else ""
    (page / "index.html").write_text(f"<!doctype html><head>{meta}<title>Page</title>")
    (page / worker).write_text("self.addEventListener('fetch', () => {})")
    server = LOCATION.format(headers=headers, more=more, folder=folder, script=script)
    with Nginx(server=server).before(["http://127.0.0.1:9"], folder) as url:
        return list(check_page(f"{url}/page/", relay))


def wrong(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings if finding.result == "wrong"]


def test_set_up_right(tmp_path: Path) -> None:
    """Nothing is wrong with a page that is served as its README says."""
    assert wrong(check(tmp_path)) == []


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        ({"policy": ""}, [POLICY]),
        ({"policy": "connect-src 'self'"}, [POLICY]),
        ({"policy": "default-src 'self'"}, [POLICY]),
        ({"headers": "add_header Cache-Control no-cache;"}, [POLICY]),
        ({"headers": HEADERS.replace("'none'", "'none'; connect-src 'self'")}, [POLICY]),
        ({"headers": HEADERS.replace("no-cache", "max-age=3600")}, [CACHING]),
        ({"headers": HEADERS.replace("add_header Cache-Control no-cache;", "")}, [CACHING]),
        ({"worker": "other.js"}, [CACHING]),
        ({"worker": "other.js", "more": "try_files $uri $uri/ /page/index.html;"}, [CACHING]),
        ({"script": "text/plain js;"}, [CACHING]),
    ],
)
def test_set_up_wrongly(mistake: dict[str, str], expected: list[str], tmp_path: Path) -> None:
    """A page without its policy, in caches, or without its service worker is found."""
    assert set(wrong(check(tmp_path, **mistake))) == set(expected)


def test_no_page(tmp_path: Path) -> None:
    """An address where there is no page is found, and one where nothing listens."""
    with Nginx().before(["http://127.0.0.1:9"], tmp_path) as url:
        assert wrong(list(check_page(url, ORIGIN))) == [ADDRESS]
    assert wrong(list(check_page(url, ORIGIN))) == [ADDRESS]
