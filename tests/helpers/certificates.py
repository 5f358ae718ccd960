"""An authority of the test run, and certificates from it for servers on this machine."""

import ssl
from functools import cache
from pathlib import Path

import trustme

# The name in the certificates. It also leads to 127.0.0.1.
NAME = "localhost"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def trusting() -> ssl.SSLContext:
    """For clients: trusts this authority only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def write_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Files with a server's certificates, with its key, and with both."""
    issued = authority().issue_cert(NAME)
    chain, key, both = (folder / name for name in ("fullchain.pem", "privkey.pem", "both.pem"))
    for certificate in issued.cert_chain_pems:
        certificate.write_to_path(chain, append=True)
    issued.private_key_pem.write_to_path(key)
    issued.private_key_and_cert_chain_pem.write_to_path(both)
    return chain, key, both
