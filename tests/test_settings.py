"""Settings are read once, strictly, and written down where people look for them."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from relay.settings import Settings, SettingsError, in_address, load_environ, variable, written

PROJECT = Path(__file__).resolve().parent.parent


def test_defaults() -> None:
    """An empty environment, and one of empty values, give the defaults."""
    assert Settings.from_environ({}) == Settings()
    assert Settings.from_environ({variable(each): " " for each in fields(Settings)}) == Settings()


def test_values() -> None:
    """Every kind of value is read."""
    settings = Settings.from_environ(
        {
            "OPENAI_BASE_URL": "http://localhost:8080/v1/",
            "REQUIRE_FINISH_REASON": "off",
            "IDLE_TIMEOUT": "0.5",
            "PORT": "0",
            "CORS_ORIGINS": "https://a.example, https://b.example/",
            "LOG_LEVEL": "debug",
        }
    )
    assert settings.openai_base_url == "http://localhost:8080/v1"
    assert settings.require_finish_reason is False
    assert settings.idle_timeout == 0.5
    assert settings.port == 0
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.log_level == "DEBUG"
    assert settings.configured


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_BASE_URL", "api.example.org"),
        ("OPENAI_BASE_URL", "ftp://api.example.org"),
        ("OPENAI_BASE_URL", "http://host:notaport/v1"),
        ("OPENAI_BASE_URL", "http://host:99999"),
        ("OPENAI_BASE_URL", "http://[::1"),
        ("REQUIRE_FINISH_REASON", "maybe"),
        ("IDLE_TIMEOUT", "-1"),
        ("IDLE_TIMEOUT", "nan"),
        ("IDLE_TIMEOUT", "inf"),
        ("IDLE_TIMEOUT", "5s"),
        ("HOST", "http://127.0.0.1"),
        ("HOST", "127.0.0.1:2000"),
        ("HOST", "[127.0.0.1]"),
        ("HOST", "::g"),
        ("PORT", "65536"),
        ("PORT", "²"),
        ("WEB_CONCURRENCY", "0"),
        ("MAX_MESSAGES", "-1"),
        ("CORS_ORIGINS", "example.org"),
        ("CORS_ORIGINS", "https://example.org/page"),
        ("CORS_ORIGINS", "https://*.example.org"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_wrong_values(name: str, value: str) -> None:
    """A value that cannot be used is refused by a sentence that names the variable and it."""
    with pytest.raises(
        SettingsError, match=rf"^{name} must be .*, not {re.escape(repr(value))}\.$"
    ):
        Settings.from_environ({name: value})


def test_secrets_are_not_shown() -> None:
    """The key is in no representation and in no error."""
    settings = Settings.from_environ({"OPENAI_API_KEY": "sk-secret"})
    assert settings.openai_api_key == "sk-secret"
    assert "sk-secret" not in repr(settings)
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environ({"OPENAI_API_KEY": "sk-secret\r\nX: y"})
    assert "sk-secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("written", "host", "before_a_port"),
    [
        ("localhost", "localhost", "localhost"),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0"),
        ("::", "::", "[::]"),
        ("::1", "::1", "[::1]"),
        ("[::1]", "::1", "[::1]"),
    ],
)
def test_hosts(written: str, host: str, before_a_port: str) -> None:
    """An IPv6 address may have brackets, and has them where a port follows."""
    assert Settings.from_environ({"HOST": written}).host == host
    assert in_address(host) == before_a_port


def test_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` gives what the environment does not; the environment wins."""
    (tmp_path / ".env").write_text("PORT=1\nPERSONA=secretary\nOPENAI_MODEL=\n", encoding="utf-8")
    monkeypatch.setenv("PORT", "2")
    settings = Settings.from_environ(load_environ(tmp_path))
    assert (settings.port, settings.persona) == (2, "secretary")
    assert settings.openai_model == Settings().openai_model


def test_env_example_lists_every_setting() -> None:
    """`.env.example` has each setting once, with its line and its default, and nothing else."""
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^# (.+)\n([A-Z_]+)=(.*)$", text, re.MULTILINE)
    expected = [
        (each.metadata["doc"], variable(each), written(each.default)) for each in fields(Settings)
    ]
    assert sorted(listed) == sorted(expected)
    assert len(re.findall(r"^[^#\n]", text, re.MULTILINE)) == len(expected)


def test_readme_lists_every_setting() -> None:
    """So does the README's table."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    rows = {
        name: (default, doc)
        for name, default, doc in re.findall(
            r"^\| `([A-Z_]+)` \| (.*?) ?\| (.*?) \|$", text, re.MULTILINE
        )
    }
    shown = {"CORS_ORIGINS": "the Vite dev servers"}
    assert rows == {
        variable(each): (
            shown.get(variable(each), f"`{written(each.default)}`".replace("``", "")),
            each.metadata["doc"],
        )
        for each in fields(Settings)
    }
