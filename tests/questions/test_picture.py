"""What of pictures is read, what is refused, and which of them the model is sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.pictures import GIF, JPEG, PNG, WEBP, address, file_part, image_part
from relay.errors import UnsupportedContent
from relay.questions import (
    Limits,
    Message,
    Picture,
    PictureLimits,
    Question,
    parse_question,
    with_newest_pictures,
)

LIMITS = Limits(pictures=PictureLimits(count=2, bytes=100))
TEXT = {"type": "text", "text": "What is this?"}


def question(*turns: dict[str, Any], limits: Limits = LIMITS) -> Question:
    body = json.dumps({"messages": [{"role": "user", **turn} for turn in turns]}).encode()
    return parse_question(body, content_type="application/json", limits=limits)


def asked(*parts: dict[str, Any]) -> Message:
    return question({"content": list(parts)}).messages[-1]


def refusal(*turns: dict[str, Any], limits: Limits = LIMITS) -> str:
    with pytest.raises(UnsupportedContent) as caught:
        question(*turns, limits=limits)
    return caught.value.message


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(PNG, "image/png"), (GIF, "image/gif"), (JPEG, "image/jpeg"), (WEBP, "image/webp")],
)
@pytest.mark.parametrize("part", [image_part, file_part])
def test_the_content_decides_on_the_type(part: Any, content: bytes, media_type: str) -> None:
    """Whatever type the sender claims, the model is told what the picture is."""
    for claimed in ("image/png", "image/bmp", "text/html"):
        message = asked(TEXT, part(address(content, claimed)))
        assert message.content == "What is this?"
        assert [each.address for each in message.pictures] == [address(content, media_type)]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://example.org/cat.png", "send the picture itself"),
        ("http://169.254.169.254/latest/", "send the picture itself"),
        ("blob:https://example.org/1", "send the picture itself"),
        ("", "send the picture itself"),
        ("data:image/png,abc", "not in base64"),
        ("data:image/png;base64,*", "not in base64"),
        ("data:image/png;base64,é", "not in base64"),
        (address(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not PNG, JPEG, WebP or GIF"),
        (address(b"%PDF-1.7"), "not PNG, JPEG, WebP or GIF"),
        (address(b""), "not PNG, JPEG, WebP or GIF"),
        (address(PNG + bytes(100)), "too large: 100 bytes"),
    ],
)
@pytest.mark.parametrize("part", [image_part, file_part])
def test_a_refused_picture(part: Any, url: str, reason: str) -> None:
    """The refusal says which message it is about and what is wrong, also in an earlier turn."""
    turn = {"content": [TEXT, part(url)]}
    for turns in ([turn], [turn, {"content": "And now?"}]):
        sentence = refusal(*turns)
        assert reason in sentence
        assert "messages[0]" in sentence
        assert "169.254" not in sentence


def test_a_picture_of_the_allowed_size() -> None:
    """The limit itself is allowed, and one byte more is not, whatever base64 makes of it."""
    for size in range(20, 30):
        limits = Limits(pictures=PictureLimits(bytes=size))
        turn = {"content": [image_part(address(JPEG + bytes(size - len(JPEG))))]}
        assert question(turn, limits=limits).has_pictures
        turn = {"content": [image_part(address(JPEG + bytes(size + 3 - len(JPEG))))]}
        assert "too large" in refusal(turn, limits=limits)


def test_too_many_pictures() -> None:
    """Only the last question's are counted: a conversation may have more of them in all."""
    two = {"content": [TEXT, *[image_part(address(PNG))] * 2]}
    three = {"content": [TEXT, *[image_part(address(PNG))] * 3]}
    assert len(question(two, two).messages[-1].pictures) == 2
    assert "2 pictures at most" in refusal(three)


def test_a_picture_without_text() -> None:
    """It is a question by itself."""
    assert asked(image_part(address(PNG))).pictures


def test_other_files() -> None:
    """They are refused, and the sentence no longer says that only text is accepted."""
    for part in (
        file_part(address(b"%PDF-1.7", "application/pdf"), "application/pdf"),
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "image_url"},
        {"type": "image_url", "image_url": address(PNG)},
    ):
        assert "other than text and pictures" in refusal({"content": [TEXT, part]})


def test_a_picture_in_an_answer() -> None:
    """It is refused: models take pictures from the user only."""
    answer = {"role": "assistant", "content": [image_part(address(PNG))]}
    assert "only the user's" in refusal(answer, {"content": "And now?"})


def test_the_fingerprint_covers_pictures() -> None:
    """One key cannot be used for the same words about another picture, or about none."""
    pictures = [address(PNG), address(GIF)]
    questions = [
        question({"content": [TEXT, *map(image_part, some)]})
        for some in ([], pictures[:1], pictures[1:], pictures, pictures[::-1])
    ]
    assert len({each.fingerprint for each in questions}) == len(questions)
    again = question({"parts": [TEXT, file_part(pictures[0], "image/webp")]})
    assert again.fingerprint == questions[1].fingerprint


@given(st.lists(st.tuples(st.text(), st.integers(0, 6))))
def test_the_newest_pictures_are_sent(turns: list[tuple[str, int]]) -> None:
    """At most four are: those of the newest messages. The model is told where some are missing."""
    picture = Picture("image/png", "AAAA")
    conversation = [Message("user", text, (picture,) * count) for text, count in turns]
    sent = with_newest_pictures(conversation)
    room = 4
    for before, after in zip(reversed(conversation), reversed(sent), strict=True):
        room -= len(before.pictures)
        if room >= 0 or not before.pictures:
            assert after == before
        else:
            assert not after.pictures
            assert after.content.startswith(before.content.strip()[:1])
            assert f"no longer sent: {len(before.pictures)}" in after.content
