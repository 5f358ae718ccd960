"""Makes the pictures in this folder anew: `.venv/bin/python docs/screenshots.py [FOLDER]`.

They show the real page and the real relay; only the model's words are written here. With a FOLDER,
every state below goes there at three widths and in both themes, to be looked at.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

DOCS = Path(__file__).resolve().parent
sys.path += [str(DOCS.parent), str(DOCS.parent / "tests")]

from helpers import page_process  # noqa: E402 - found in the folder named above
from helpers.pictures import png  # noqa: E402
from helpers.relay_process import start  # noqa: E402
from helpers.upstream import Reply, Upstream  # noqa: E402

WAIT_SECONDS = 20.0
HEIGHTS = {320: 640, 390: 700, 768: 900, 1440: 900}
THEMES = ("light", "dark")

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


@dataclass(frozen=True)
class View:
    page: Page
    upstream: Upstream
    korean: bool

    def ask(self, english: str, korean: str) -> None:
        field = self.page.get_by_role("textbox").last
        field.fill(korean if self.korean else english)
        field.press("Enter")

    def press(self, english: str, korean: str) -> None:
        name = korean if self.korean else english
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def exchange(self, english: str, korean: str) -> None:
        self.ask(english, korean)
        question = korean if self.korean else english
        expect(self.page.get_by_role("main").get_by_text(question, exact=True).last).to_be_visible()
        self.page.locator("button[type=submit]").wait_for()

    def answers(self, text: str, ending: Callable[[Reply], None] = Reply.finish) -> None:
        def script(reply: Reply) -> None:
            for place in range(0, len(text), 8):
                reply.text(text[place : place + 8])
            ending(reply)

        self.upstream.answers(script)


# Each brings a page that has just been opened into its state, and back when it is left.
State = Callable[[View], Iterator[None]]


def empty(_: View) -> Iterator[None]:
    yield


def waiting(view: View) -> Iterator[None]:
    view.upstream.answers(Reply.until_gone)
    view.ask("Why is the sky blue?", "하늘은 왜 파란가요?")
    view.page.get_by_role("article").wait_for()
    yield
    view.page.keyboard.press("Escape")


def answering(view: View) -> Iterator[None]:
    view.answers(KOREAN if view.korean else ENGLISH[:430], Reply.until_gone)
    view.ask("Why is the sky blue?", "한글은 누가, 어떻게 만들었나요?")
    seen = "모양만 보아도" if view.korean else "So blue light"
    expect(view.page.get_by_role("main")).to_contain_text(seen)
    yield
    view.page.keyboard.press("Escape")


def answered(view: View) -> Iterator[None]:
    view.answers(KOREAN + "소리를 짐작할 수 있습니다." if view.korean else ENGLISH)
    view.exchange("Why is the sky blue?", "한글은 누가, 어떻게 만들었나요?")
    if not view.korean:
        # Colours come a moment after the code.
        view.page.locator(".hljs-keyword").first.wait_for()
    yield


def stopped(view: View) -> Iterator[None]:
    for _ in answering(view):
        pass
    view.page.locator("button[type=submit]").wait_for()
    yield


def cut(view: View) -> Iterator[None]:
    seen = threading.Event()

    def breaks(reply: Reply) -> None:
        assert seen.wait(WAIT_SECONDS)
        reply.reset()

    view.answers(ENGLISH[:300], breaks)
    view.ask("Why is the sky blue?", "하늘은 왜 파란가요?")
    expect(view.page.get_by_role("main")).to_contain_text("Violet")
    seen.set()
    view.page.get_by_role("alert").wait_for()
    yield


def refused(view: View) -> Iterator[None]:
    view.upstream.answers(
        lambda reply: reply.refuse("429 Too Many Requests", {"message": "No"}, Retry_After="20")
    )
    view.ask("Why is the sky blue?", "하늘은 왜 파란가요?")
    view.page.get_by_role("alert").wait_for()
    yield


def conversations(view: View) -> Iterator[None]:
    for english, korean in [
        ("What is a haiku?", "하이쿠가 뭐예요?"),
        ("How do cats always land on their feet?", "고양이는 어떻게 항상 발로 착지하나요?"),
        ("Why is the sky blue?", "하늘은 왜 파란가요?"),
    ]:
        view.answers("It is a good question.")
        view.exchange(english, korean)
        view.page.keyboard.press("Control+Shift+O")
    if view.page.viewport_size and view.page.viewport_size["width"] < 960:
        view.press("Conversations", "대화 목록")
    yield


def deleted(view: View) -> Iterator[None]:
    view.answers("It is a good question.")
    view.exchange("What is a haiku?", "하이쿠가 뭐예요?")
    view.press("Options for this conversation", "이 대화의 메뉴")
    view.press("Delete", "삭제")
    yield


def edited(view: View) -> Iterator[None]:
    view.answers("It is a good question.")
    view.exchange("What is a haiku?", "하이쿠가 뭐예요?")
    view.page.get_by_role("textbox").last.press("ArrowUp")
    yield


def menu(view: View) -> Iterator[None]:
    view.answers("It is a good question.")
    view.exchange("What is a haiku?", "하이쿠가 뭐예요?")
    view.press("Options for this conversation", "이 대화의 메뉴")
    yield


def exported(view: View) -> Iterator[None]:
    view.answers("It is a good question.")
    view.exchange("What is a haiku?", "하이쿠가 뭐예요?")
    view.press("Options for this conversation", "이 대화의 메뉴")
    view.press("Export", "내보내기")
    view.page.get_by_role("dialog").wait_for()
    yield


def settings(view: View) -> Iterator[None]:
    if view.page.viewport_size and view.page.viewport_size["width"] < 960:
        view.press("Conversations", "대화 목록")
    view.press("Settings", "설정")
    view.page.get_by_role("dialog").get_by_role("radio").first.wait_for()
    yield


def keys(view: View) -> Iterator[None]:
    view.page.keyboard.press("Control+/")
    view.page.get_by_role("dialog").wait_for()
    yield


def attached(view: View) -> Iterator[None]:
    view.page.locator("input[type=file]").set_input_files(
        [
            FilePayload(name="a.png", mimeType="image/png", buffer=png(width, height))
            for width, height in ((1600, 900), (600, 900), (900, 900), (900, 200), (8, 8))
        ]
    )
    expect(view.page.get_by_role("form").get_by_role("img")).to_have_count(4)
    yield


def pictured(view: View) -> Iterator[None]:
    for _ in attached(view):
        pass
    view.answers("They are all of one colour.")
    view.exchange("What are these?", "이게 뭐예요?")
    view.page.locator("input[type=file]").first.set_input_files(
        FilePayload(name="a.png", mimeType="image/png", buffer=png(1600, 900))
    )
    expect(view.page.get_by_role("form").get_by_role("img")).to_have_count(1)
    view.exchange("And this?", "이건요?")
    yield


def repictured(view: View) -> Iterator[None]:
    for _ in pictured(view):
        pass
    view.page.get_by_role("textbox").last.press("ArrowUp")
    view.page.get_by_role("textbox").nth(1).wait_for()
    yield


def unheard(view: View) -> Iterator[None]:
    # The browser is an automated one, and has no microphone to allow.
    view.press("Speak the question", "질문을 말로 하기")
    view.page.locator("output:not(:empty)").get_by_text(re.compile("listen|음성")).wait_for()
    yield


# These need a relay that accepts pictures.
WITH_PICTURES: list[State] = [attached, pictured, repictured]

STATES: list[State] = [
    empty,
    waiting,
    answering,
    answered,
    stopped,
    cut,
    refused,
    conversations,
    deleted,
    edited,
    menu,
    exported,
    settings,
    keys,
    unheard,
    *WITH_PICTURES,
]

# The name of the file, and what it shows.
PICTURES: list[tuple[str, State, int, str, str]] = [
    ("page.png", answered, 1440, "light", "en-GB"),
    ("page-conversations.png", conversations, 320, "light", "ko-KR"),
    ("page-phone.png", answering, 390, "dark", "ko-KR"),
    ("page-refused.png", refused, 390, "light", "ko-KR"),
    ("page-settings.png", settings, 390, "dark", "ko-KR"),
]


def main() -> None:
    if reason := page_process.missing():
        sys.exit(reason)
    page_process.build()
    with ExitStack() as cleanup:
        upstream = cleanup.enter_context(closing(Upstream()))
        urls = {}
        for accepts in ("false", "true"):
            relay = start(upstream, {"ACCEPT_IMAGES": accepts}, None)
            cleanup.callback(relay.stop)
            server = page_process.serve(relay.url)
            cleanup.callback(server.stop)
            urls[accepts == "true"] = server.url
        playwright = cleanup.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=page_process.CHROMIUM, args=page_process.CHROMIUM_ARGS
        )
        cleanup.callback(browser.close)
        for path, state, width, theme, locale in pictures():
            url = urls[state in WITH_PICTURES]
            with opened(browser, url, upstream, width, theme, locale) as view:
                for _ in state(view):
                    view.page.screenshot(path=path)


def pictures() -> Iterator[tuple[Path, State, int, str, str]]:
    if len(sys.argv) == 1:
        for name, state, width, theme, locale in PICTURES:
            yield DOCS / name, state, width, theme, locale
        return
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for state in STATES:
        for width, locale in ((320, "ko-KR"), (768, "ko-KR"), (1440, "en-GB")):
            for theme in THEMES:
                yield folder / f"{state.__name__}-{width}-{theme}.png", state, width, theme, locale


@contextmanager
def opened(
    browser: Browser, url: str, upstream: Upstream, width: int, theme: str, locale: str
) -> Iterator[View]:
    page = browser.new_page(
        locale=locale,
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": width, "height": HEIGHTS[width]},
        device_scale_factor=2 if len(sys.argv) == 1 and width < 960 else 1,
        reduced_motion="reduce",
    )
    page.goto(url)
    page.get_by_role("radio").first.wait_for()
    yield View(page, upstream, locale.startswith("ko"))
    page.close()


if __name__ == "__main__":
    main()
