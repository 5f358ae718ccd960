"""The headers that ask for the rest of an answer, from a byte on."""

import re


def first_byte(range_header: str, if_range: str, etag: str) -> int | None:
    """N of `Range: bytes=N-`, or None for the whole answer.

    A server may ignore other ranges (RFC 9110, 14.2). It must ignore a range whose `If-Range` names
    another writing of the answer (RFC 9110, 13.1.5).
    """
    match = re.fullmatch(r"bytes=([0-9]{1,15})-", range_header.strip())
    if match is None or (if_range and if_range.strip() != etag):
        return None
    return int(match[1])


def first_byte_after(last_event_id: str) -> int | None:
    """N of `Last-Event-ID: N`, or None for the whole answer."""
    return int(last_event_id) if re.fullmatch(r"[0-9]{1,15}", last_event_id) else None


def quoted(etag: str) -> str:
    """An entity tag in the quotes of the header (RFC 9110, 8.8.3)."""
    return f'"{etag}"'
