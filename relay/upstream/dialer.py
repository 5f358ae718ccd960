"""Opens connections to the model's server: names, proxies, TLS, and one time limit over all."""

import base64
import contextlib
import re
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

import certifi
import gevent
import httpx2
from gevent import monkey

from relay.deadline import Deadline
from relay.settings import SettingsError
from relay.upstream.cancellation import Cancellation


class Origin(NamedTuple):
    """Scheme, host and port of a server (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Dialer:
    """Connects to an origin, directly or through the proxy that the environment names for it.

    `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` mean the same as to curl. Only proxies
    with `http` addresses are supported. TLS is verified against the roots of the system and of
    certifi. If `SSL_CERT_FILE` or `SSL_CERT_DIR` is set, only its roots count.

    Raises SettingsError for a proxy or a certificate file that cannot be used.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._tls = _tls_context(environ)
        self._proxies = {
            name.lower().removesuffix("_proxy"): value
            for name, value in environ.items()
            if name.lower().endswith("_proxy") and value
        }
        for scheme in ("http", "https"):
            self._proxy(Origin(scheme, "", 0))

    def proxy_for_plain_http(self, origin: Origin) -> SplitResult | None:
        """The proxy that needs the absolute form of the target (RFC 9112, 3.2.2), or None."""
        return self._proxy(origin) if origin.scheme == "http" else None

    def dial(
        self, origin: Origin, *, timeout: float | None, cancellation: Cancellation
    ) -> socket.socket:
        """A connected socket, after the TLS handshake. `timeout` is in seconds, for all steps.

        Raises httpx2.ConnectTimeout, httpx2.ConnectError or Cancelled.
        """
        deadline = Deadline(timeout or 0)
        proxy = self._proxy(origin)
        host, port = (proxy.hostname or "", proxy.port or 80) if proxy else origin[1:]
        try:
            with _bounded(timeout):
                sock = _connect(host, port, deadline, cancellation)
                if origin.scheme == "http":
                    return sock
                return self._secured(sock, origin, proxy, deadline, cancellation)
        except TimeoutError as error:
            raise httpx2.ConnectTimeout("connecting took too long") from error
        except UnicodeError as error:
            raise httpx2.ConnectError("no host can have this name") from error
        except ssl.SSLCertVerificationError as error:
            raise httpx2.ConnectError(f"TLS: {error.verify_message}") from error
        except OSError as error:
            cancellation.check()
            tls = "TLS: " if isinstance(error, ssl.SSLError) else ""
            reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
            raise httpx2.ConnectError(f"{tls}{reason}") from error

    def _secured(
        self,
        sock: socket.socket,
        origin: Origin,
        proxy: SplitResult | None,
        deadline: Deadline,
        cancellation: Cancellation,
    ) -> socket.socket:
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(sock.close)
            on_failure.callback(cancellation.detach)
            sock.settimeout(_left(deadline))
            if proxy is not None:
                _open_tunnel(sock, origin, proxy)
            secured = self._tls.wrap_socket(
                sock, server_hostname=origin.host, do_handshake_on_connect=False
            )
            on_failure.callback(secured.close)
            cancellation.attach(secured)
            secured.do_handshake()
            on_failure.pop_all()
            return secured

    def _proxy(self, origin: Origin) -> SplitResult | None:
        address = self._proxies.get(origin.scheme) or self._proxies.get("all")
        if not address or (origin.host and self._bypassed(origin)):
            return None
        try:
            parts = urlsplit(address if "://" in address else f"http://{address}")
            usable = parts.scheme == "http" and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            name = origin.scheme if origin.scheme in self._proxies else "all"
            raise SettingsError(
                f"{name.upper()}_PROXY must be an address such as http://proxy.example:3128; "
                "other kinds of proxies are not supported."
            )
        return parts

    def _bypassed(self, origin: Origin) -> bool:
        bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]  # Not in typeshed.
        return bool(bypass(origin.host, self._proxies))


def proxy_authorization(proxy: SplitResult) -> str | None:
    """The value of `Proxy-Authorization` from the credentials in a proxy's address, or None."""
    if proxy.username is None:
        return None
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return "Basic " + base64.b64encode(credentials.encode()).decode("ascii")


def _tls_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    file, folder = environ.get("SSL_CERT_FILE") or None, environ.get("SSL_CERT_DIR") or None
    if file is not None and not Path(file).is_file():
        raise SettingsError(f"SSL_CERT_FILE must be a file with certificates, not {file!r}.")
    if folder is not None and not Path(folder).is_dir():
        raise SettingsError(f"SSL_CERT_DIR must be a folder with certificates, not {folder!r}.")
    if file is None and folder is None:
        context = ssl.create_default_context()
        # Slim images lack the system's roots.
        context.load_verify_locations(certifi.where())
        return context
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except ssl.SSLError as error:
        raise SettingsError(f"SSL_CERT_FILE holds no certificates: {file!r}.") from error


def _bounded(seconds: float | None) -> contextlib.AbstractContextManager[Any]:
    """Under gevent: raises TimeoutError when the block takes longer.

    With threads there are only the limits of the single steps. Looking up a name has none.
    """
    if seconds is None or not monkey.is_module_patched("socket"):
        return contextlib.nullcontext()
    return gevent.Timeout(seconds, TimeoutError())


def _left(deadline: Deadline) -> float | None:
    """Seconds until `deadline`. Raises TimeoutError if it has passed."""
    if deadline.passed:
        raise TimeoutError
    return deadline.left()


def _resolve(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    for family in (socket.AF_INET, socket.AF_INET6):
        # Under gevent a look-up goes through another thread. An address needs no look-up.
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host)
            return [(family, (host, port))]
    # Encoded here: for an impossible name, gevent would print a traceback from its thread.
    name = host.encode("idna").decode("ascii")
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def _connect(host: str, port: int, deadline: Deadline, cancellation: Cancellation) -> socket.socket:
    """Tries the addresses of `host` in turn, each for an equal share of the time left."""
    addresses = _resolve(host, port)
    for position, (family, address) in enumerate(addresses):
        share = _left(deadline.share(len(addresses) - position))
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            cancellation.attach(sock)
            sock.settimeout(share)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
            # A connect may report success although `cancel` has shut the socket down.
            cancellation.check()
        except BaseException as error:
            cancellation.detach()
            sock.close()
            last = position == len(addresses) - 1
            if last or cancellation.cancelled or not isinstance(error, OSError):
                raise
        else:
            return sock
    raise OSError("the name has no address")


def _open_tunnel(sock: socket.socket, origin: Origin, proxy: SplitResult) -> None:
    """`CONNECT` (RFC 9110, 9.3.6). Raises httpx2.ConnectError if the proxy refuses."""
    head = f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n"
    authorization = proxy_authorization(proxy)
    if authorization is not None:
        head += f"Proxy-Authorization: {authorization}\r\n"
    sock.sendall(f"{head}\r\n".encode("ascii"))
    reply = b""
    # Reads no byte beyond the head: the bytes after it belong to TLS.
    while not reply.endswith(b"\r\n\r\n") and len(reply) < 16384:
        received = sock.recv(1)
        if not received:
            break
        reply += received
    status = re.match(rb"HTTP/1\.[01] ([0-9]{3})", reply)
    if status is None or status[1] != b"200" or not reply.endswith(b"\r\n\r\n"):
        shown = status[1].decode("ascii") if status else "no HTTP"
        raise httpx2.ConnectError(f"the proxy refused the tunnel: {shown}")
