"""Whether a relay may start on an address."""

import ipaddress

from relay.settings import Settings, SettingsError


def check_address(address: str, settings: Settings) -> None:
    """Raises SettingsError for an address at which anybody could ask, if nobody decided that.

    `address` is a host, or the path of a unix socket. Nothing but a proxy talks to such a socket,
    and everybody talks to a proxy.
    """
    is_decided = settings.access_tokens or settings.cors_origins or settings.public
    if not (is_decided or is_loopback(address)):
        raise SettingsError(
            f"The relay would listen on {address}, where others could ask at your expense: "
            "set ACCESS_TOKENS, CORS_ORIGINS or PUBLIC=1."
        )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A socket for both versions shows IPv4 addresses in this form.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
