"""What is limited, and what must be."""

import pytest

from relay.limits import check_limits
from relay.limits.limits import limits_of
from relay.settings import Settings, SettingsError


def test_the_defaults_are_limits() -> None:
    """Whoever sets nothing has every limit."""
    assert len(limits_of(Settings())) == 6
    check_limits(Settings(public=True))


@pytest.mark.parametrize(
    "name",
    [
        "QUESTIONS_PER_MINUTE",
        "QUESTIONS_PER_DAY",
        "MAX_STREAMS_PER_CLIENT",
        "MAX_STREAMS",
        "DAILY_TOKENS_PER_CLIENT",
        "DAILY_TOKENS",
        "MAX_ANSWER_TOKENS",
    ],
)
def test_a_public_relay_has_limits(name: str) -> None:
    """It does not start without one, and the sentence names the one that is missing."""
    check_limits(Settings.from_environ({name: "0"}))
    with pytest.raises(SettingsError, match=name):
        check_limits(Settings.from_environ({name: "0", "PUBLIC": "1"}))


@pytest.mark.parametrize("name", ["DAILY_TOKENS", "DAILY_TOKENS_PER_CLIENT"])
def test_a_budget_for_no_question(name: str) -> None:
    """A relay does not start with a budget that is smaller than what one answer reserves."""
    check_limits(Settings.from_environ({name: "101", "MAX_ANSWER_TOKENS": "100"}))
    with pytest.raises(SettingsError, match=name):
        check_limits(Settings.from_environ({name: "100", "MAX_ANSWER_TOKENS": "100"}))
    with pytest.raises(SettingsError, match=name):
        check_limits(Settings.from_environ({name: "10000", "MAX_ANSWER_TOKENS": "0"}))
