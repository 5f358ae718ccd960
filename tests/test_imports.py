"""Which way imports point: `app -> doors -> openai_client -> relay`, inside it room to room."""

import ast
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
RELAY = sorted((PROJECT / "relay").rglob("*.py"))
DOORS = sorted((PROJECT / "doors").glob("*.py"))
ABOVE = [PROJECT / "app.py", PROJECT / "openai_client.py", *DOORS]

# Each may import those before it, and what stands beside them; see relay/__init__.py.
ROOMS = (
    "access",
    "questions",
    "personas",
    "upstream",
    "journal",
    "completions",
    "limits",
    "telemetry",
    "clients",
)

# Where tests start servers, browsers and the model; `make check` runs all others.
WITH_SERVERS = ("wire", "page", "local", "front_ends", "doctor", "deploy")
UNIT_TESTS = [
    path
    for path in sorted((PROJECT / "tests").rglob("test_*.py"))
    if path.relative_to(PROJECT / "tests").parts[0] not in WITH_SERVERS
]

# The only modules that may import a package.
ALONE = {
    "flask": {"middleware.py"},
    "flask_cors": {"middleware.py"},
    "werkzeug": {"middleware.py"},
    "gunicorn": {"master.py", "bad_requests.py", "worker.py"},
    "structlog": {"log.py"},
}


@cache
def imported(path: Path) -> dict[str, set[str]]:
    """The modules that a file imports, with the names that it takes from each."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.name, set())
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            found.setdefault(node.module or "", set()).update(alias.name for alias in node.names)
    return found


def top_level(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def room_of(module: str) -> str | None:
    """The room that a module of the relay is in; None for what stands beside the rooms."""
    parts = module.split(".")
    return parts[1] if parts[0] == "relay" and len(parts) > 1 and parts[1] in ROOMS else None


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", RELAY, ids=module_of)
def test_the_relay_knows_nothing_above_it(path: Path) -> None:
    """The parts can be read, tested and used without the app and the frameworks around them."""
    assert not top_level(path) & {"app", "doors", "local", "openai_client", "openai"}
    for package, names in ALONE.items():
        assert package not in top_level(path) or path.name in names


@pytest.mark.parametrize("path", RELAY, ids=module_of)
def test_only_one_room_counts(path: Path) -> None:
    """No other part of the relay knows that there are metrics."""
    assert "prometheus_client" not in top_level(path) or room_of(module_of(path)) == "telemetry"


def test_openai_client_knows_no_request() -> None:
    """The model's client is not tied to a web framework."""
    path = PROJECT / "openai_client.py"
    assert not top_level(path) & {"app", "doors", "flask", "werkzeug"}


def test_only_one_module_imports_openai() -> None:
    """Whoever wants to know what is asked of the package reads one file."""
    sources = [*PROJECT.glob("*.py"), *(PROJECT / "local").glob("*.py"), *DOORS, *RELAY]
    assert [path.name for path in sources if "openai" in top_level(path)] == ["openai_client.py"]


def test_every_room_is_in_order() -> None:
    """A new room gets its place in the order of the rooms."""
    rooms = {path.parent.name for path in RELAY if path.parent.name != "relay"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("path", RELAY, ids=module_of)
def test_rooms_import_only_those_before_them(path: Path) -> None:
    """And of those only what a room's `__init__` hands out."""
    here = room_of(module_of(path))
    for module in imported(path):
        there = room_of(module)
        if there is None or there == here:
            continue
        assert here is None or ROOMS.index(there) < ROOMS.index(here), module
        assert module == f"relay.{there}", f"{path} imports {module}: take it from the room"


@pytest.mark.parametrize("path", ABOVE, ids=module_of)
def test_what_stands_above_takes_what_rooms_hand_out(path: Path) -> None:
    """The app and its doors, too, take from a room only what its `__init__` hands out."""
    assert all(room_of(module) is None or module.count(".") == 1 for module in imported(path))


@pytest.mark.parametrize("path", DOORS, ids=module_of)
def test_doors_know_no_other_door(path: Path) -> None:
    """Nor the app: what they share is in `serving`."""
    modules = set(imported(path))
    assert "app" not in modules
    assert {module for module in modules if module.startswith("doors")} <= {"doors.serving"}


def test_what_stands_beside_the_rooms_is_below_them() -> None:
    """The rooms import them, and they import no room."""
    beside = [path for path in RELAY if path.parent.name == "relay"]
    for path in beside:
        assert not any(map(room_of, imported(path))), path


def test_no_circles() -> None:
    """No file imports one that imports it, over however many others."""
    modules = {module_of(path): path for path in RELAY}

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way, module])
        if module in done:
            return
        for name in imported(modules[module]):
            # A room's door imports all of the room; whoever is inside does not go through it.
            if name in modules and room_of(name) == room_of(module):
                visit(name, (*way, module))
        done.add(module)

    done: set[str] = set()
    for module in modules:
        visit(module, ())


@pytest.mark.parametrize("path", UNIT_TESTS, ids=module_of)
def test_unit_tests_start_nothing(path: Path) -> None:
    """They take milliseconds: no process is started, and no fixture that is one is asked for."""
    modules = imported(path)
    # A fixture's type is imported where it is annotated, which mypy sees to.
    helpers = {*modules, *modules.get("helpers", ())}
    assert not {name for name in helpers if name.endswith(("_process", "_server"))}
    assert not modules.keys() & {"subprocess", "multiprocessing", "playwright.sync_api"}
