"""Makes the pictures in this folder anew: `.venv/bin/python docs/screenshots.py`.

They show the real page and the real relay; only the model's words are written here.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

DOCS = Path(__file__).resolve().parent
sys.path += [str(DOCS.parent), str(DOCS.parent / "tests")]

import page_process  # noqa: E402 - found in the folder named above
from conftest import start  # noqa: E402
from upstream import Reply, Upstream  # noqa: E402

WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Picture:
    """One answer, taken once `seen` can be read on the page; `rest` comes after that."""

    name: str
    locale: str
    scheme: str
    size: tuple[int, int]
    question: str
    answer: str
    seen: str
    rest: str = ""


ENGLISH = """\
Sunlight holds every colour, and the air does not treat them alike. Its molecules scatter **short \
waves far more than long ones**: the strength goes with 1/λ⁴.

| Colour | Wavelength | Scattered |
|---|---|---|
| Violet | 400 nm | 9.4 × |
| Blue | 450 nm | 5.9 × |
| Red | 700 nm | 1 × |

So blue light reaches you from all over the sky, and red mostly straight from the sun. Violet is \
scattered even more, but there is less of it in sunlight, and our eyes see it less well.

```python
def scattering(wavelength_nm, reference_nm=700):
    return (reference_nm / wavelength_nm) ** 4
```
"""

KOREAN = """\
한글은 **세종대왕(世宗大王)**이 1443년에 만들고 1446년에 반포한 글자입니다.

- **자음**은 소리를 내는 기관의 모양을 본떴습니다. `ㄱ`은 혀뿌리가 목구멍을 막는 모양입니다.
- **모음**은 하늘(·), 땅(ㅡ), 사람(ㅣ)을 본떴습니다.

그래서 글자의 모양만 보아도 """

PICTURES = [
    Picture(
        "page.png", "en-GB", "light", (960, 760), "Why is the sky blue?", ENGLISH, "reference_nm"
    ),
    Picture(
        "page-phone.png",
        "ko-KR",
        "dark",
        (390, 700),
        "한글은 누가, 어떻게 만들었나요?",
        KOREAN,
        "그래서 글자의 모양만 보아도",
        "소리를 짐작할 수 있습니다.",
    ),
]


def main() -> None:
    if reason := page_process.missing():
        sys.exit(reason)
    page_process.build()
    with ExitStack() as cleanup:
        upstream = cleanup.enter_context(closing(Upstream()))
        relay = start(upstream, {}, None)
        cleanup.callback(relay.stop)
        server = page_process.serve(relay.url)
        cleanup.callback(server.stop)
        playwright = cleanup.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=page_process.CHROMIUM, args=page_process.CHROMIUM_ARGS
        )
        cleanup.callback(browser.close)
        for picture in PICTURES:
            take(picture, browser, server.url, upstream)


def take(picture: Picture, browser: Browser, url: str, upstream: Upstream) -> None:
    taken = threading.Event()
    upstream.answers(script_of(picture, taken))
    width, height = picture.size
    page = browser.new_page(
        locale=picture.locale,
        color_scheme="dark" if picture.scheme == "dark" else "light",
        viewport={"width": width, "height": height},
        device_scale_factor=2,
        reduced_motion="reduce",
    )
    page.goto(url)
    field = page.get_by_role("textbox")
    field.fill(picture.question)
    field.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(picture.seen)
    if not picture.rest:
        taken.set()
        wait_for_end(page)
    page.screenshot(path=DOCS / picture.name)
    taken.set()
    wait_for_end(page)
    page.close()


def script_of(picture: Picture, taken: threading.Event) -> Callable[[Reply], None]:
    def script(reply: Reply) -> None:
        for place in range(0, len(picture.answer), 8):
            reply.text(picture.answer[place : place + 8])
        assert taken.wait(WAIT_SECONDS)
        reply.text(picture.rest)
        reply.finish()

    return script


def wait_for_end(page: Page) -> None:
    # The one button that sends is there again once the answer has ended.
    page.locator("button[type=submit]").wait_for()


if __name__ == "__main__":
    main()
