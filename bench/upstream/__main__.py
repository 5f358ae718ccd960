"""`python -m bench.upstream`: serve on a free port of 127.0.0.1, and print the port."""

import gc
import socket

from bench.upstream.server import Upstream


def main() -> None:
    """Serve until killed."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        print(listener.getsockname()[1], flush=True)
        # Nothing here makes cycles worth the pauses that collecting them would put into token ages.
        gc.disable()
        Upstream(listener).serve()


if __name__ == "__main__":
    main()
