"""Makes the page's icons anew from `icon.svg`: `.venv/bin/python docs/icons.py`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
sys.path.append(str(PROJECT / "tests"))

from helpers import page_process  # noqa: E402 - found in the folder named above

PUBLIC = PROJECT / "frontend/public"

STYLE = "body { margin: 0 } svg { display: block; width: 100vw }"
# Systems that cut an icon into a shape of their own show black where it is transparent. The mark
# itself needs no other size: it stays within the middle 80 % that all of those shapes keep.
FULL_BLEED = "svg > rect:first-child { rx: 0 }"


@dataclass(frozen=True)
class Icon:
    name: str
    size: int
    is_cut_by_system: bool = False


ICONS = [
    Icon("icon-192.png", 192),
    Icon("icon-512.png", 512),
    Icon("icon-maskable-512.png", 512, is_cut_by_system=True),
    Icon("apple-touch-icon.png", 180, is_cut_by_system=True),
]


def main() -> None:
    if not page_process.CHROMIUM.exists():
        sys.exit("Chromium is missing: install Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=page_process.CHROMIUM, args=page_process.CHROMIUM_ARGS
        )
        for icon in ICONS:
            draw(icon, browser)
        browser.close()


def draw(icon: Icon, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": icon.size, "height": icon.size})
    style = STYLE + FULL_BLEED if icon.is_cut_by_system else STYLE
    page.set_content(f"<style>{style}</style>{(PUBLIC / 'icon.svg').read_text('utf-8')}")
    page.screenshot(path=PUBLIC / icon.name, omit_background=True)
    page.close()


if __name__ == "__main__":
    main()
