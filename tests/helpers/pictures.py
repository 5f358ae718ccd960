"""Small pictures, and the `data:` addresses that carry them."""

import base64
import struct
import zlib

# The whole of a picture of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
# The beginnings of others. The relay looks at no more.
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L"


def address(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def image_part(url: str) -> dict[str, object]:
    """A picture as OpenAI's clients send it."""
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def file_part(url: str, media_type: str = "image/png") -> dict[str, object]:
    """A picture as the AI SDK sends it."""
    return {"type": "file", "mediaType": media_type, "filename": "a.png", "url": url}


def png(width: int, height: int) -> bytes:
    """A picture of this size, in one colour."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = (b"\x00" + b"\x1d\x6a\x57" * width) * height
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
