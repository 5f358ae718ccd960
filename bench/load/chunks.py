"""Decodes the body of an HTTP/1.1 response in chunked coding, from pieces of any size."""

_END_OF_HEAD = b"\r\n\r\n"


class Chunks:
    """A decoder for one response with chunked transfer coding."""

    def __init__(self) -> None:
        self._buffer = b""
        self._in_head = True
        self.status_line = b""
        self.clean_end = False
        """Whether the last chunk was there: what tells a whole answer from a cut one."""

    def feed(self, received: bytes) -> bytes:
        """What `received` adds to the body. Parts of a chunk wait for the rest of it."""
        self._buffer += received
        if self._in_head:
            head, blank, rest = self._buffer.partition(_END_OF_HEAD)
            if not blank:
                return b""
            self._in_head = False
            self.status_line = head.partition(b"\r\n")[0]
            self._buffer = rest
        body = []
        at = 0
        while (line_end := self._buffer.find(b"\r\n", at)) >= 0:
            size = int(self._buffer[at:line_end].partition(b";")[0], 16)
            begin, end = line_end + 2, line_end + 2 + size
            if len(self._buffer) < end + 2:
                break
            self.clean_end = not size
            body.append(self._buffer[begin:end])
            at = end + 2
        self._buffer = self._buffer[at:]
        return b"".join(body)
