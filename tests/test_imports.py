"""Imports point one way: `app -> openai_client -> relay`, and `relay` knows neither."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
RELAY = sorted((PROJECT / "relay").rglob("*.py"))
# What gunicorn runs the app in.
WORKER = PROJECT / "relay/clients/worker.py"


def imported(path: Path) -> set[str]:
    """The modules that a file names in its imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            found.add(node.module or "")
    return found


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", RELAY, ids=lambda path: str(path.relative_to(PROJECT)))
def test_relay_knows_neither_flask_nor_openai(path: Path) -> None:
    """The parts can be read, tested and used without the app around them."""
    assert not packages(path) & {"app", "openai_client", "flask", "werkzeug", "openai"}
    assert "gunicorn" not in packages(path) or path == WORKER


def test_openai_client_knows_no_request() -> None:
    """The model's client is not tied to a web framework."""
    path = PROJECT / "openai_client.py"
    assert not packages(path) & {"app", "flask", "werkzeug"}


def test_only_one_module_imports_openai() -> None:
    """Whoever wants to know what is asked of the package reads one file."""
    sources = [*PROJECT.glob("*.py"), *RELAY]
    assert [path.name for path in sources if "openai" in packages(path)] == ["openai_client.py"]
