"""Pictures in a question, read out of `data:` addresses."""

import base64
import re
from dataclasses import dataclass

from relay.errors import UnsupportedContent

MAX_PICTURES = 4
# Enough for a photo of 1,024 pixels in any of the formats. Models see no more than that.
MAX_PICTURE_BYTES = 1024 * 1024

_FORMATS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "image/gif": re.compile(rb"GIF8[79]a"),
}


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """The limits for the pictures of one question, in number and in bytes of each."""

    count: int = MAX_PICTURES
    bytes: int = MAX_PICTURE_BYTES

    @property
    def body_bytes(self) -> int:
        """The room in a request's body for pictures, which base64 makes a third larger."""
        return self.count * (_base64_chars(self.bytes) + 1024)


@dataclass(frozen=True, slots=True)
class Picture:
    """`base64` is the file."""

    media_type: str
    base64: str

    @property
    def address(self) -> str:
        return f"data:{self.media_type};base64,{self.base64}"


def parse_picture(address: str, limits: PictureLimits, *, place: str) -> Picture:
    """The picture in a `data:` address. Its content decides on the type, not the address.

    Raises UnsupportedContent; its sentence begins with `place`.
    """
    head, _, content = address.partition(",")
    if not head[:5].lower() == "data:":
        # The model's server would have to fetch what a stranger names.
        raise UnsupportedContent(
            f"{place} has a picture by its address: send the picture itself, as a data: URL."
        )
    if len(content) > _base64_chars(limits.bytes):
        raise UnsupportedContent(
            f"{place} has a picture that is too large: {limits.bytes} bytes are allowed."
        )
    try:
        if not head.lower().endswith(";base64"):
            raise ValueError("not base64")
        start = base64.b64decode(content, validate=True)[:16]
    except ValueError as error:
        raise UnsupportedContent(f"{place} has a picture that is not in base64.") from error
    for media_type, beginning in _FORMATS.items():
        if beginning.match(start):
            return Picture(media_type, content)
    raise UnsupportedContent(f"{place} has a picture that is not PNG, JPEG, WebP or GIF.")


def _base64_chars(size: int) -> int:
    return -(-size // 3) * 4
