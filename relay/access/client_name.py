"""In whose name a request is made."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from relay.access.token import holder
from relay.settings import Settings

# A site is usually given a whole /64, and any of its machines may take any address in it.
SITE_BITS = 64

# What a server on a unix socket sees of everybody, and what a proxy wrote that is no address.
NO_ADDRESS = "no-address"

# Some proxies write the port beside the address.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever is counted as one.

    The name is `token:<name>` for whoever has an access token, else the address. A client cannot
    choose it.
    """

    name: str


def client_of(environ: Mapping[str, Any], settings: Settings) -> Client:
    """The client of a request. Its address must stand in REMOTE_ADDR, also behind proxies."""
    name = holder(environ, settings.access_tokens)
    if name is not None:
        return Client(f"token:{name}")
    return Client(address_name(environ.get("REMOTE_ADDR", "")))


@lru_cache(maxsize=1024)
def address_name(written: str) -> str:
    """The name of whoever has no token: the IPv4 address, or the /64 that an IPv6 address is in."""
    with_port = _WITH_PORT.fullmatch(written.strip())
    text = (with_port[1] or with_port[2]) if with_port else written.strip()
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return NO_ADDRESS
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    # A socket for both versions shows IPv4 addresses in this form.
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, SITE_BITS), strict=False))
