"""Small pictures, and the `data:` addresses that carry them."""

import base64

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
