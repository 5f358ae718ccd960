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
            "CORS_ORIGINS": "https://a.example, https://B.example/",
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


@pytest.mark.parametrize(
    "value",
    [
        "api.example.org/secret",
        "ftp://api.example.org/secret",
        "http://host:notaport/secret",
        "http://host:99999/secret",
        "http://[::1/secret",
        "http://me:secret@host/v1",
        "https://host/v1?key=secret",
        "https://host/v1#secret",
        "https://host/v1\tsecret",
        "http://ho st/secret",
        "http://a..b/secret",
        f"http://{'a' * 64}/secret",
        f"http://{'a.' * 200}b/secret",
        "http:///secret",
    ],
)
def test_a_wrong_base_url(value: str) -> None:
    """An address that requests cannot go to is refused, and not shown: it may hold a password."""
    with pytest.raises(SettingsError, match=r"^OPENAI_BASE_URL must be an address ") as refusal:
        Settings.from_environ({"OPENAI_BASE_URL": value})
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "value",
    [
        "http://localhost:8080",
        "http://[::1]:8080/v1",
        "http://model_server/v1",
        "https://모델.example/v1",
        "HTTPS://API.example.org./v1",
    ],
)
def test_base_urls(value: str) -> None:
    """Names, addresses, and what people call their servers."""
    assert Settings.from_environ({"OPENAI_BASE_URL": value}).openai_base_url == value


def test_secrets_are_not_shown() -> None:
    """The key is in no representation and in no error."""
    settings = Settings.from_environ({"OPENAI_API_KEY": "sk-secret"})
    assert settings.openai_api_key == "sk-secret"
    assert "sk-secret" not in repr(settings)
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environ({"OPENAI_API_KEY": "sk-secret\r\nX: y"})
    assert "sk-secret" not in str(refusal.value)
    # Redis' address may have a password in it.
    expected = r"^REDIS_URL must be an address such as redis://localhost:6379/0\.$"
    with pytest.raises(SettingsError, match=expected):
        Settings.from_environ({"REDIS_URL": "redis://:sk-secret@[::1"})


@pytest.mark.parametrize(
    "value",
    [
        *("...", "sk-...", "sk-…", "<your key>", "your-key-here", "sk-your_key", "YOUR_API_KEY"),
        *("sk-xxxxxxxxxxxx", "sk-****", "key-here", "changeme", '"sk-quoted"', "'sk-quoted'"),
        *("sk-with space", "sk-with\ttab", "sk-with\u00a0space", "sk-with\u200bnothing"),
    ],
)
def test_a_key_that_is_none(value: str) -> None:
    """What stands in examples, or was copied with more than the key, ends the start, unseen."""
    with pytest.raises(SettingsError, match=r"^OPENAI_API_KEY must be ") as refusal:
        Settings.from_environ({"OPENAI_API_KEY": value})
    assert value not in str(refusal.value)


@pytest.mark.parametrize(
    "value", ["sk-proj-Ab_9-x", "none", "EMPTY", "ollama", "sk-no-key-required", " sk-in-spaces\n"]
)
def test_keys(value: str) -> None:
    """Keys of providers, and the words that servers without keys are given."""
    assert Settings.from_environ({"OPENAI_API_KEY": value}).openai_api_key == value.strip()


TOKENS = [
    "ana",
    "ana:short",
    "ana:a token with spaces",
    "ana:a-token-with-umlaut-ä",
    ":a-token-without-a-name",
    "a b:a-token-of-somebody",
    "ana:a-token-of-somebody,bo:a-token-of-somebody",
]


@pytest.mark.parametrize("value", TOKENS)
def test_wrong_tokens(value: str) -> None:
    """A token that cannot be sent or could be guessed ends the start, unseen."""
    with pytest.raises(SettingsError, match=r"^ACCESS_TOKENS must be ") as refusal:
        Settings.from_environ({"ACCESS_TOKENS": value})
    assert "somebody" not in str(refusal.value)


def test_tokens() -> None:
    """One name may have two tokens while one replaces the other, and no token is kept or shown."""
    value = "ana:the-old-token-of-ana, ana:the-new-token-of-ana=="
    settings = Settings.from_environ({"ACCESS_TOKENS": value})
    assert [token.name for token in settings.access_tokens] == ["ana", "ana"]
    assert "of-ana" not in repr(settings.access_tokens)
    assert "of-ana" not in repr(settings)


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


def test_dotenv(tmp_path: Path) -> None:
    """`.env` gives what the environment does not, or has empty; else the environment wins."""
    (tmp_path / ".env").write_text("PORT=1\nPERSONA=secretary\nHOST=a\nOPENAI_MODEL=\n")
    environ = {"PORT": "2", "HOST": "", "LOG_LEVEL": "debug"}
    settings = Settings.from_environ(load_environ(tmp_path, environ))
    assert (settings.port, settings.persona, settings.host) == (2, "secretary", "a")
    assert settings.log_level == "DEBUG"
    assert settings.openai_model == Settings().openai_model


def test_no_dotenv(tmp_path: Path) -> None:
    """A folder need not have a `.env`, and where it has one Flask's variable leaves it out."""
    assert load_environ(tmp_path, {"PORT": "2"}) == {"PORT": "2"}
    (tmp_path / ".env").write_text("PORT=1\n")
    skipping = {"FLASK_SKIP_DOTENV": "1"}
    assert load_environ(tmp_path, skipping) == skipping
    assert load_environ(tmp_path, {"FLASK_SKIP_DOTENV": "0"})["PORT"] == "1"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_dotenv_in_utf8(tmp_path: Path, encoding: str) -> None:
    """`.env` is UTF-8, with the mark that some editors put before it or without."""
    (tmp_path / ".env").write_text("PERSONA=비서\n", encoding=encoding)
    assert load_environ(tmp_path, {}) == {"PERSONA": "비서"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_dotenv_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    """A `.env` that is no UTF-8 is refused by a sentence with its path, and what to do."""
    text = "PERSONA=é\n" if encoding == "latin-1" else "PERSONA=secretary\n"
    (tmp_path / ".env").write_text(text, encoding=encoding)
    with pytest.raises(SettingsError) as refusal:
        load_environ(tmp_path, {})
    expected = f"{tmp_path / '.env'} is not in UTF-8: save it again in that encoding."
    assert str(refusal.value) == expected


def test_dotenv_that_is_a_folder(tmp_path: Path) -> None:
    """A `.env` that cannot be read, such as a folder of that name, is refused by a sentence."""
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsError, match=r"\.env cannot be read: Is a directory\.$"):
        load_environ(tmp_path, {})


def test_env_example_lists_every_setting() -> None:
    """`.env.example` has each setting once, with its line and its default, and nothing else."""
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^# (.+)\n([A-Z_]+)=(.*)$", text, re.MULTILINE)
    expected = [
        (each.metadata["doc"], variable(each), written(each.default)) for each in fields(Settings)
    ]
    assert sorted(listed) == sorted(expected)
    assert len(re.findall(r"^[^#\n]", text, re.MULTILINE)) == len(expected)


def test_the_document_lists_every_setting() -> None:
    """Each with its default and the same line."""
    text = (PROJECT / "docs/settings.md").read_text(encoding="utf-8")
    rows = {
        name: (default, doc)
        for name, default, doc in re.findall(
            r"^\| `([A-Z_]+)` \| (.*?) ?\| (.*?) \|$", text, re.MULTILINE
        )
    }
    assert rows == {
        variable(each): (
            f"`{written(each.default)}`".replace("``", ""),
            each.metadata["doc"],
        )
        for each in fields(Settings)
    }
