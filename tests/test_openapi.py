"""docs/openapi.yaml says what the code does, as far as the code can be asked without a server."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import create_app
from relay.access.gate import WITHOUT_TOKEN
from relay.clients import openai_error
from relay.completions import Receipt
from relay.errors import (
    Abandoned,
    AddressTooLong,
    ExpectationRefused,
    HeadTooLarge,
    MethodNotAllowed,
    RangeNotSatisfiable,
    RelayError,
    UnknownCoding,
)

FILE = Path(__file__).resolve().parent.parent / "docs/openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]

OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    (path, method.upper()): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if method != "parameters"
}

# Every address answers them by the rules of HTTP.
UNLISTED_METHODS = {"HEAD", "OPTIONS"}
# The document has no methods that an address does not answer. gunicorn finds the next four. The
# last two refuse an answer to somebody who reads it on, for which OpenAI's door has no address.
NOT_AT_OPENAIS_DOOR = (
    MethodNotAllowed,
    AddressTooLong,
    ExpectationRefused,
    HeadTooLarge,
    UnknownCoding,
    RangeNotSatisfiable,
    Abandoned,
)


def kinds(kind: type[RelayError] = RelayError) -> Iterator[type[RelayError]]:
    """All errors that are raised. `LimitReached` is only what three of them have in common."""
    if kind.__name__ != "LimitReached":
        yield kind
    for narrower in kind.__subclasses__():
        yield from kinds(narrower)


def made(kind: type[RelayError]) -> RelayError:
    """An error, whatever it is made with: that has no part in its status and code."""
    error = kind.__new__(kind)
    RelayError.__init__(error)
    return error


def refusals(*, for_openai: bool) -> set[tuple[int, str]]:
    """The status and code of each refusal in OpenAI's shape, or in the relay's own."""
    found: set[tuple[int, str]] = set()
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            name = response.get("$ref", "").rpartition("/")[2]
            if int(status) >= 400 and name.endswith("ForOpenAI") == for_openai:
                codes = codes_in(DOCUMENT["components"]["responses"][name])
                found |= {(int(status), code) for code in codes}
    return found


def codes_in(node: Any) -> Iterator[str]:
    """The codes in all `enum`s of a schema."""
    for name, value in node.items() if isinstance(node, dict) else enumerate(node):
        if name == "enum":
            yield from value
        elif isinstance(value, dict | list):
            yield from codes_in(value)


def test_it_is_openapi() -> None:
    """Tools for OpenAPI 3.1 can read it."""
    assert not list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())


def test_nothing_in_it_is_unused() -> None:
    """Every component is referred to."""
    text = FILE.read_text(encoding="utf-8")
    for kind, components in DOCUMENT["components"].items():
        for name in components if kind != "securitySchemes" else ():
            assert f"'#/components/{kind}/{name}'" in text, name


def test_its_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of the app, with the same methods."""
    # It would change how this whole process logs.
    monkeypatch.setattr("app.log_to_stderr", lambda _level: None)
    app = create_app({"STATE_FILE": str(tmp_path / "answers.db")})
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - UNLISTED_METHODS
    }
    assert set(OPERATIONS) == served


def test_its_codes() -> None:
    """They are those of the errors, and no others."""
    assert sorted(SCHEMAS["Code"]["enum"]) == sorted({kind.code for kind in kinds()})


def test_its_refusals() -> None:
    """Each error stands at its status in the relay's own shape, and at no other."""
    raised = {(kind.status, kind.code) for kind in kinds() if kind is not MethodNotAllowed}
    assert refusals(for_openai=False) == raised


def test_its_refusals_for_openai() -> None:
    """So it has in OpenAI's, if it can occur there."""
    raised = [kind for kind in kinds() if kind not in NOT_AT_OPENAIS_DOOR]
    translated = [openai_error(made(kind)) for kind in raised]
    assert refusals(for_openai=True) == {
        (status, body["error"]["code"]) for status, body in translated
    }


def test_a_receipt() -> None:
    """It has the fields that the code writes."""
    receipt = SCHEMAS["Receipt"]
    written = Receipt("running", 0, thinking="Hm.").body("id")
    assert set(receipt["properties"]) == set(written)
    assert set(receipt["required"]) == set(written) - {"thinking"}


def test_who_needs_no_token() -> None:
    """A monitor needs none, and everybody else one if the operator set any."""
    for (path, _), operation in OPERATIONS.items():
        assert (operation.get("security") == []) == (path in WITHOUT_TOKEN)
        assert ("401" in operation["responses"]) == (path not in WITHOUT_TOKEN)
