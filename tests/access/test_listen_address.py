"""Whether a relay may start on an address."""

import pytest

from relay.access import check_address
from relay.settings import Settings, SettingsError

ELSEWHERE = ["0.0.0.0", "::", "192.0.2.7", "relay.example", "127.0.0.1.example", "/run/a.sock", ""]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine(address: str) -> None:
    """Where only this machine can ask, nothing needs to be decided."""
    check_address(address, Settings())


@pytest.mark.parametrize("address", ELSEWHERE)
def test_elsewhere(address: str) -> None:
    """Where others can ask, the start ends with one sentence that names the three ways out."""
    with pytest.raises(SettingsError) as refusal:
        check_address(address, Settings())
    for name in ("ACCESS_TOKENS", "CORS_ORIGINS", "PUBLIC=1"):
        assert name in str(refusal.value)


@pytest.mark.parametrize(
    "decided",
    [
        {"ACCESS_TOKENS": "me:a-token-of-my-own-1"},
        {"CORS_ORIGINS": "https://a.example"},
        {"CORS_ORIGINS": "*"},
        {"PUBLIC": "1"},
    ],
)
@pytest.mark.parametrize("address", ELSEWHERE)
def test_decided(address: str, decided: dict[str, str]) -> None:
    """Any of the three is enough."""
    check_address(address, Settings.from_environ(decided))
