"""The settings: environment variables, read once and checked.

Every field of `Settings` is one variable: `connect_timeout` is `CONNECT_TIMEOUT`.
A field carries its default, its parser, and the line that documents it. A test compares these lines
with `.env.example` and `docs/settings.md`.
"""

import hashlib
import io
import ipaddress
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

PROJECT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting cannot be used. The message names the variable and says what it should be."""


def _text(value: str) -> str:
    return value


def _secret(value: str) -> str:
    # The key is sent in a header. A line break in it would start another header.
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("one word of printable ASCII characters")
    return value


def _key(value: str) -> str:
    # A placeholder would be refused by the provider, at the first question.
    if _PLACEHOLDER.search(value):
        raise ValueError("the key itself, not a placeholder or a key in quotes")
    return _secret(value)


_PLACEHOLDER = re.compile(
    r"""\.\.\.|…|["'<>*]|x{6}|your[-_]|(key|token)[-_]?here|change[-_]?me|placeholder""",
    re.IGNORECASE,
)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError("seconds, such as 5 or 0.5 (0 means no limit)")
    return seconds


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError("a whole number, 0 or more")
    return int(value)


def _host(value: str) -> str:
    # An IPv6 address is often written in brackets, as it is before a port.
    bracketed = re.fullmatch(r"\[(.*:.*)\]", value)
    host = bracketed[1] if bracketed else value
    try:
        usable = ipaddress.IPv6Address(host) if ":" in host else _NAME.fullmatch(host)
    except ipaddress.AddressValueError:
        usable = None
    if not usable:
        raise ValueError("an address or a name, such as 127.0.0.1, :: or localhost")
    return host


_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) < 65536):
        raise ValueError("a port number from 0 to 65535")
    return int(value)


def _workers(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ValueError("a whole number, 1 or more")
    return int(value)


def _flag(value: str) -> bool:
    word = value.lower()
    if word not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError("true or false")
    return word in ("1", "true", "yes", "on")


def _level(value: str) -> str:
    if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("debug, info, warning or error")
    return value.upper()


def effort(value: str) -> str:
    """How much a model is to think. Providers have words of their own, so any word will do.

    Raises ValueError with what it should be.
    """
    if not re.fullmatch(r"[a-z]{1,20}", value):
        raise ValueError("a word such as low, medium or high")
    return value


def _base_url(value: str) -> str:
    """An address to append a path to. User names are refused, because they would not be sent."""
    if not _is_base_url(value):
        raise ValueError(
            "an address such as https://api.openai.com/v1, without user name, query or fragment"
        )
    return value.rstrip("/")


def _is_base_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        is_web = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return False
    can_be_appended_to = value.isprintable() and not set(value) & set("?#")
    return is_web and bool(_HOST.fullmatch(host)) and "@" not in parts.netloc and can_be_appended_to


# A name (RFC 1123, 2.1, and underscores, which many names have), or an IPv6 address.
_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|.*:.*")


def _redis_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        place = parts.path if parts.scheme == "unix" else parts.hostname
        known = parts.scheme in ("redis", "rediss", "unix") and parts.port != 0
    except ValueError:
        place, known = None, False
    if not (known and place):
        raise ValueError("an address such as redis://localhost:6379/0")
    return value


def _origins(value: str) -> tuple[str, ...]:
    # Browsers send names in lower case.
    origins = tuple(each.rstrip("/").lower() for each in _words(value))
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError("origins such as https://example.org, with commas between, or *")
    return origins


# RFC 6454, 6.2, with IPv6 addresses in brackets. Patterns are not supported.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Somebody's access token. The token itself is not kept, only its digest."""

    name: str
    digest: bytes = field(repr=False)


def token_digest(token: str) -> bytes:
    """What is kept of a token. Tokens are random, so one round is enough."""
    return hashlib.sha256(token.encode()).digest()


def _access_tokens(value: str) -> tuple[AccessToken, ...]:
    tokens = []
    for part in _words(value):
        name, _, token = part.partition(":")
        if not (_TOKEN_NAME.fullmatch(name) and _TOKEN.fullmatch(token)):
            raise ValueError(
                "name:token, with commas between; a token has 16 to 256 of A-Z a-z 0-9 . _ ~ + / -"
            )
        tokens.append(AccessToken(name, token_digest(token)))
    # Names may stand there twice: while a token is being replaced both are valid.
    if len({token.digest for token in tokens}) < len(tokens):
        raise ValueError("without the same token twice")
    return tuple(tokens)


_TOKEN_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
# RFC 6750, 2.1. A token of sixteen characters cannot be guessed if it is random.
_TOKEN = re.compile(r"(?=.{16,256}\Z)[A-Za-z0-9._~+/-]+=*")


def _page(value: str) -> Path:
    folder = Path(value).absolute()
    if not (folder / "index.html").is_file():
        raise ValueError("a folder with the built page, such as frontend/dist")
    return folder


def _words(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(" or ".join(choices))
        return value

    return parse


def _setting(default: Any, parse: Callable[[str], Any], doc: str) -> Any:
    # An address may contain a password.
    secret = parse in (_key, _access_tokens, _redis_url, _base_url)
    return field(default=default, repr=not secret, metadata={"parse": parse, "doc": doc})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default. Times are in seconds; a limit of 0 is no limit."""

    openai_api_key: str = _setting("", _key, "The model provider's key. Stays on the server.")
    openai_base_url: str = _setting(
        "", _base_url, "An OpenAI-compatible server; empty with a key set: OpenAI's own."
    )
    openai_model: str = _setting("gpt-5.4-mini", _text, "The model that answers.")
    openai_fallback_models: tuple[str, ...] = _setting(
        (),
        _words,
        "The next models to ask if one fails before its first text or thought; comma-separated.",
    )
    openai_token_limit_parameter: str = _setting(
        "",
        _one_of("max_completion_tokens", "max_tokens"),
        "max_completion_tokens or max_tokens; empty: the second if OPENAI_BASE_URL is set.",
    )
    openai_stream_usage: bool = _setting(
        True, _flag, "Ask for token counts (stream_options.include_usage)."
    )
    openai_system_role: str = _setting(
        "system",
        _one_of("system", "developer"),
        "The role of the persona's message: system or developer.",
    )
    local_model: str = _setting(
        "", _text, "A GGUF file that `make run` uses instead of the embedded model."
    )
    upstream_retries: int = _setting(
        1, _count, "How often to ask again if the connection fails before any reply."
    )
    require_finish_reason: bool = _setting(
        True, _flag, "Whether an answer with neither finish_reason nor [DONE] counts as cut off."
    )
    max_answer_tokens: int = _setting(
        8192, _count, "The most tokens of an answer, its thoughts included with most providers."
    )
    reasoning_effort: str = _setting(
        "", effort, "How much a model thinks, such as low or high; empty: as its provider decides."
    )
    show_thinking: bool = _setting(
        False, _flag, "Whether readers see a model's thoughts, which may quote its instructions."
    )
    accept_images: bool = _setting(
        False, _flag, "Whether questions may have pictures. The model must be able to read them."
    )

    connect_timeout: float = _setting(5.0, _seconds, "For the connection to the model's server.")
    first_text_timeout: float = _setting(
        25.0,
        _seconds,
        "From question to first text or thought. Many hosts end a request after 30 s.",
    )
    idle_timeout: float = _setting(
        25.0, _seconds, "Between two pieces of an answer or its thoughts."
    )
    answer_timeout: float = _setting(300.0, _seconds, "For a whole answer.")
    send_timeout: float = _setting(
        30.0, _seconds, "For a client to send its question, and to take more of its reply."
    )
    graceful_timeout: float = _setting(
        30.0, _seconds, "For running answers to end when the server stops; less than 1 counts as 1."
    )
    drain_seconds: float = _setting(
        0.0,
        _seconds,
        "How long a server that was told to stop takes questions; /ready is 503 at once.",
    )

    host: str = _setting(
        "127.0.0.1", _host, "The address to listen on; 0.0.0.0 or :: for every interface."
    )
    port: int = _setting(2000, _port, "The relay's port.")
    web_concurrency: int = _setting(1, _workers, "Worker processes; about one per core.")
    flush_interval_ms: int = _setting(
        33, _count, "The least milliseconds between two writes to a reader; 0: write every token."
    )
    state_file: str = _setting(
        "",
        _text,
        "The file for answers; empty: one for each HOST and PORT: see docs/settings.md.",
    )
    redis_url: str = _setting(
        "", _redis_url, "A Redis for the answers of many hosts, instead of STATE_FILE."
    )
    page_dir: Path | None = _setting(
        None, _page, "A folder with the built page, for the relay to serve; empty: none."
    )
    log_level: str = _setting("INFO", _level, "debug, info, warning or error.")
    log_questions: bool = _setting(
        False, _flag, "For development: write every question that is asked into the log."
    )

    cors_origins: tuple[str, ...] = _setting(
        (),
        _origins,
        "Origins of pages that may ask, separated by commas; * for all; empty: this machine's.",
    )

    access_tokens: tuple[AccessToken, ...] = _setting(
        (),
        _access_tokens,
        "Tokens of which a client must send one: name:token, with commas between; empty: none.",
    )
    trusted_proxies: int = _setting(
        0,
        _count,
        "How many proxies before the relay add to X-Forwarded-For; one too many is unsafe.",
    )
    public: bool = _setting(
        False, _flag, "Whether everybody who reaches the relay may ask it, from any address."
    )
    metrics_public: bool = _setting(
        False, _flag, "Whether everybody may read /metrics: see docs/operation.md."
    )

    persona: str = _setting("askbot", _text, "The default persona.")
    personas_dir: Path | None = _setting(
        None, Path, "A folder with your own persona files; see docs/personas.md."
    )
    owner_file: Path | None = _setting(
        None, Path, "A file with the secretary's owner, name and facts; empty: an invented owner."
    )

    resume_grace_seconds: float = _setting(
        30.0, _seconds, "How long an answer with an Idempotency-Key goes on unread; 0: not at all."
    )
    answer_ttl_seconds: float = _setting(
        600.0, _seconds, "How long an answer is kept after its end; 0: no limit, in Redis a day."
    )
    answer_store_max_bytes: int = _setting(
        67_108_864,
        _count,
        "The most bytes of ended answers in the state file, or waiting for Redis; 0: no limit.",
    )

    questions_per_minute: int = _setting(20, _count, "The most questions of a client in a minute.")
    questions_per_day: int = _setting(200, _count, "The most questions of a client in a day (UTC).")
    max_streams_per_client: int = _setting(
        3, _count, "The most answers of a client that are written at the same time."
    )
    max_streams: int = _setting(
        100, _count, "The most answers of all clients that are written at the same time."
    )
    daily_tokens_per_client: int = _setting(
        100_000, _count, "The most tokens of a client in a day (UTC), of questions and answers."
    )
    daily_tokens: int = _setting(
        1_000_000,
        _count,
        "The most tokens of all clients in a day (UTC), of questions and answers.",
    )
    max_body_bytes: int = _setting(1_048_576, _count, "The largest request body.")
    max_question_chars: int = _setting(16_000, _count, "The longest single question.")
    max_messages: int = _setting(200, _count, "The most messages in one conversation.")
    history_chars: int = _setting(
        24_000, _count, "The most characters of a conversation that are sent to the model."
    )
    history_turns: int = _setting(
        20, _count, "The most turns that are sent to the model, each a question with its answer."
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads the settings out of `environ`; an empty value counts as not set.

        Raises SettingsError for a value that cannot be used.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):
            text = environ.get(variable(each), "").strip()
            if not text:
                continue
            try:
                values[each.name] = each.metadata["parse"](text)
            except ValueError as error:
                shown = "" if not each.repr else f", not {text!r}"
                raise SettingsError(f"{variable(each)} must be {error}{shown}.") from None
        return cls(**values)

    @property
    def token_limit_parameter(self) -> str:
        """OpenAI has renamed the parameter. Most compatible servers use the old name."""
        default = "max_tokens" if self.openai_base_url else "max_completion_tokens"
        return self.openai_token_limit_parameter or default

    @property
    def configured(self) -> bool:
        """Whether there is a model to ask: a key is set, or a server that may need none."""
        return bool(self.openai_api_key or self.openai_base_url)


def variable(each: "Field[Any]") -> str:
    """The environment variable of a field of `Settings`."""
    return each.name.upper()


def written(value: Any) -> str:
    """A setting's value in the spelling of `.env`."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(value)
        case None:
            return ""
    return str(value)


def in_address(host: str) -> str:
    """A host in the spelling before a port: brackets around an IPv6 address."""
    return f"[{host}]" if ":" in host else host


def load_environ(folder: Path = PROJECT, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environ`, completed from `.env` in `folder` where a variable is missing or empty.

    Flask's variable FLASK_SKIP_DOTENV=1 leaves the file out. Raises SettingsError for a file that
    cannot be read.
    """
    if environ.get("FLASK_SKIP_DOTENV", "").lower() not in ("", "0", "false", "no"):
        return dict(environ)
    from_file = dotenv_values(stream=io.StringIO(_text_of(folder / ".env")))
    return dict(environ) | {
        name: value
        for name, value in from_file.items()
        if value and not environ.get(name, "").strip()
    }


def _text_of(path: Path) -> str:
    """The file's text; "" if there is no file."""
    try:
        # Some editors write a byte order mark, which would become part of the first name.
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise UnicodeError("UTF-16 without a mark")
    except FileNotFoundError:
        return ""
    except UnicodeError:
        raise SettingsError(f"{path} is not in UTF-8: save it again in that encoding.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    return text
