"""Pictures in questions, through every door."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from helpers.client import Exchange
from helpers.completions import new_key
from helpers.pictures import GIF, PNG, address, file_part, image_part
from helpers.relay_process import RelayProcess, StartRelay
from helpers.upstream import Upstream
from relay.questions import PictureLimits

TEXT = {"type": "text", "text": "What is this?"}
TO_MODEL = [TEXT, {"type": "image_url", "image_url": {"url": address(PNG)}}]

Ask = Callable[..., Exchange]


def own(url: str, *parts: dict[str, Any], **more: Any) -> Exchange:
    """What askbot.js and the page send."""
    return Exchange(url, {"messages": [{"role": "user", "content": [*parts]}], **more})


def ai_sdk(url: str, *parts: dict[str, Any], **more: Any) -> Exchange:
    """What `useChat` sends."""
    body = {"id": "x", "messages": [{"id": "m", "role": "user", "parts": [*parts]}], **more}
    return Exchange(url, body, path="/api/chat")


def openai_api(url: str, *parts: dict[str, Any], **more: Any) -> Exchange:
    """What OpenAI's clients send."""
    body = {"model": "askbot", "messages": [{"role": "user", "content": [*parts]}], **more}
    return Exchange(url, body, path="/v1/chat/completions")


every_door = pytest.mark.parametrize(
    ("ask", "part"), [(own, image_part), (ai_sdk, file_part), (openai_api, image_part)]
)


def cards(relay: RelayProcess) -> tuple[dict[str, bool], Any]:
    """Which personas accept pictures, and the limits for them."""
    told = Exchange(relay.url, method="GET", path="/personas").json()
    return {card["id"]: card["accepts_images"] for card in told["personas"]}, told["limits"]


@pytest.fixture
def seeing(start_relay: StartRelay) -> RelayProcess:
    return start_relay(ACCEPT_IMAGES="true", MAX_BODY_BYTES="20000")


@every_door
def test_the_model_sees_the_picture(
    seeing: RelayProcess, upstream: Upstream, ask: Ask, part: Any
) -> None:
    """It is sent to the model as it came, but for options that are the server's to choose."""
    reply = ask(seeing.url, TEXT, part(address(PNG)))
    assert reply.status == 200
    assert "Hello" in reply.text()
    assert upstream.requests[0]["messages"][-1]["content"] == TO_MODEL


@every_door
def test_an_address_is_refused(
    seeing: RelayProcess, upstream: Upstream, ask: Ask, part: Any
) -> None:
    """The model's server never fetches what a stranger names."""
    reply = ask(seeing.url, TEXT, part("https://example.org/cat.png"))
    assert reply.status == 400
    assert "send the picture itself" in reply.text()
    assert not upstream.requests


@every_door
def test_by_default_pictures_are_refused(
    relay: RelayProcess, upstream: Upstream, ask: Ask, part: Any
) -> None:
    """The sentence says that only text can be asked, and the model is not."""
    reply = ask(relay.url, TEXT, part(address(PNG)))
    assert reply.status == 400
    assert "only text" in reply.text()
    assert not upstream.requests
    accepts, limits = cards(relay)
    assert not any(accepts.values())
    assert limits["images"] is None


def test_the_openai_package(seeing: RelayProcess, upstream: Upstream) -> None:
    """A program written for OpenAI's server shows the model a picture without a change."""
    with openai.OpenAI(base_url=f"{seeing.url}/v1", api_key="none", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": TO_MODEL}]
        client.chat.completions.create(model="askbot", messages=messages)
        messages[0]["content"][1]["image_url"]["url"] = address(b"%PDF-1.7")
        with pytest.raises(openai.BadRequestError, match="not PNG, JPEG, WebP or GIF"):
            client.chat.completions.create(model="askbot", messages=messages)
    assert len(upstream.requests) == 1


def test_pictures_have_room_of_their_own(seeing: RelayProcess, upstream: Upstream) -> None:
    """As many and as large as allowed, they do not count towards MAX_BODY_BYTES. Text does."""
    limits = PictureLimits()
    _, told = cards(seeing)
    assert told["images"] == {"max": limits.count, "max_bytes": limits.bytes}
    picture = address(PNG + bytes(limits.bytes - len(PNG)))
    reply = own(seeing.url, TEXT, *[image_part(picture)] * limits.count)
    assert reply.status == 200
    reply.text()
    sent = upstream.requests[0]["messages"][-1]["content"]
    assert [part["image_url"]["url"] == picture for part in sent[1:]] == [True] * limits.count
    one_more = own(seeing.url, TEXT, *[image_part(picture)] * (limits.count + 1))
    assert one_more.error() == (413, "request_too_large")
    small = own(seeing.url, TEXT, *[image_part(address(PNG))] * (limits.count + 1))
    assert small.error() == (400, "unsupported_content")
    assert len(upstream.requests) == 1


def test_pictures_of_earlier_questions(seeing: RelayProcess, upstream: Upstream) -> None:
    """The newest four are sent, and the model reads where older ones have been left out."""
    turns = [
        {"role": "user", "content": [{"type": "text", "text": f"{place}"}, image_part(url)]}
        for place, url in enumerate([address(GIF), *[address(PNG)] * 4])
    ]
    reply = Exchange(seeing.url, {"messages": [*turns, {"role": "user", "content": "And now?"}]})
    reply.text()
    oldest, *newer, question = upstream.requests[0]["messages"][-6:]
    assert oldest["content"] == "0\n\n[pictures that are no longer sent: 1]"
    assert all(turn["content"][1]["image_url"]["url"] == address(PNG) for turn in newer)
    assert question["content"] == "And now?"


def test_a_key_stands_for_its_picture(seeing: RelayProcess, upstream: Upstream) -> None:
    """The same key with the same picture replays the answer, with another it is refused."""
    key = {"Idempotency-Key": new_key()}

    def ask(picture: bytes) -> Exchange:
        message = {"role": "user", "content": [TEXT, image_part(address(picture))]}
        return Exchange(seeing.url, {"messages": [message]}, headers=key)

    assert ask(PNG).text() == ask(PNG).text() == "Hello there."
    assert ask(GIF).error() == (422, "idempotency_key_reused")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("setting", ["true", "false"])
def test_a_persona_has_the_last_word(start_relay: StartRelay, tmp_path: Path, setting: str) -> None:
    """Its file may accept pictures where the setting does not, and the other way round."""
    opposite = "false" if setting == "true" else "true"
    head = "name: A\ndescription: B\ngreeting: C\nsuggestions: []"
    content = f"---\n{head}\naccept_images: {opposite}\n---\nYou look at pictures."
    (tmp_path / "other.md").write_text(content, encoding="utf-8")
    relay = start_relay(ACCEPT_IMAGES=setting, PERSONAS_DIR=str(tmp_path))
    accepts, limits = cards(relay)
    assert accepts == {
        "askbot": setting == "true",
        "secretary": setting == "true",
        "other": opposite == "true",
    }
    assert limits["images"]
    for id, accepted in accepts.items():
        reply = own(relay.url, TEXT, image_part(address(PNG)), persona=id)
        if accepted:
            assert reply.status == 200
            reply.text()
        else:
            assert reply.error() == (400, "unsupported_content")


def test_a_picture_that_the_model_cannot_read(seeing: RelayProcess, upstream: Upstream) -> None:
    """The provider's refusal becomes ours, and nobody is told to try again later."""
    error = {"message": "secret words", "type": "invalid_request_error", "code": "invalid_image"}
    upstream.answers(lambda reply: reply.refuse("400 Bad Request", error))
    reply = own(seeing.url, TEXT, image_part(address(PNG)))
    assert (reply.status, json.loads(reply.text())["error"]["message"]) == (
        400,
        "The model cannot read the picture.",
    )


def test_pictures_stay_out_of_the_log(seeing: RelayProcess, upstream: Upstream) -> None:
    """Neither what is forwarded nor what is refused is written down."""
    own(seeing.url, TEXT, image_part(address(PNG))).text()
    own(seeing.url, TEXT, image_part(address(b"secret picture"))).text()
    upstream.answers(lambda reply: reply.refuse("500 No", {"message": "x"}))
    own(seeing.url, TEXT, image_part(address(PNG))).text()
    seeing.wait_for_line("upstream_error")
    assert "base64" not in seeing.log
    assert address(PNG)[40:80] not in seeing.log
