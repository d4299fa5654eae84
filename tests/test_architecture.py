"""The import directions of the house: everything that is not listed is forbidden."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EDGES = {"clock", "settings", "workshop"}
LEAVES = {"policy", "scratch"}

# cli: the demo plays months with the tasks' plain functions, and doctor tries the mail server.
ALLOWED: dict[str, set[str]] = {
    "flows": {"flows", "tasks", "domain", "clock", "settings"},
    "tasks": {"tasks", "services", "db", "mail", "domain", *EDGES},
    "cli": {"cli", "services", "db", "reports", "domain", "demo", "mail", "flows", "tasks", *EDGES},
    "workshop": {"services", "db", "mail", "settings"},
    "services": {
        "services",
        "domain",
        "sources",
        "scoring",
        "learning",
        "playbooks",
        "db",
        "mail",
        "reports",
        *LEAVES,
    },
    "learning": {"learning", "scoring", "domain"},
    "sources": {"sources", "domain", *LEAVES},
    "scoring": {"scoring", "domain", *LEAVES},
    "playbooks": {"playbooks", "domain", *LEAVES},
    "mail": {"mail", "domain", *LEAVES},
    "reports": {"reports", "domain"},
    "db": {"db", "domain"},
    "demo": {"demo", "domain"},
    "policy": {"domain"},
    "scratch": set(),
    "domain": {"domain"},
    "__main__": {"cli"},
    "clock": set(),
    "settings": set(),
}
STANDARD_LIBRARY_ONLY = {"domain", "clock"}
ONLY_IN = {
    "prefect": {"flows", "tasks", "cli"},
    "yagmail": {"mail"},
    "smtplib": set(),
    "sqlalchemy": {"db", "services", "tasks", "cli", "workshop", "demo", "sources"},
    "pandas": {"scoring", "learning", "services"},
    "matplotlib": {"reports"},
    "interpret": {"learning"},
    "sklearn": {"learning"},
    "prefect_dask": {"flows"},
}


def modules() -> Iterator[tuple[Path, str]]:
    for path in sorted(ROOT.glob("flows/**/*.py")) + sorted(ROOT.glob("tasks/**/*.py")):
        yield path, path.relative_to(ROOT).parts[0]
    for path in sorted(ROOT.glob("retention/**/*.py")):
        if path.name != "__init__.py" or len(path.relative_to(ROOT).parts) > 2:
            yield path, path.relative_to(ROOT / "retention").parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names = [f"{node.module}.{name.name}" for name in node.names]
            yield from names if node.module == "retention" else [node.module or ""]


def room(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] in ("flows", "tasks"):
        return parts[0]
    return parts[1] if parts[0] == "retention" and len(parts) > 1 else None


@pytest.mark.parametrize(("path", "where"), list(modules()), ids=str)
def test_imports_go_in_the_allowed_direction(path: Path, where: str) -> None:
    for module in imported(path):
        target = room(module)
        assert target is None or target in ALLOWED[where], f"{path}: {where} -> {module}"


@pytest.mark.parametrize(("path", "where"), list(modules()), ids=str)
def test_libraries_stay_in_their_rooms(path: Path, where: str) -> None:
    for module in imported(path):
        top = module.split(".")[0]
        assert top not in ONLY_IN or where in ONLY_IN[top], f"{path} imports {module}"
        if where in STANDARD_LIBRARY_ONLY and room(module) is None:
            import sys

            assert top in sys.stdlib_module_names, f"{path} imports {module}"


@pytest.mark.parametrize(("path", "where"), list(modules()), ids=str)
def test_only_the_clock_reads_the_clock(path: Path, where: str) -> None:
    text = path.read_text(encoding="utf-8")
    if where != "clock":
        for call in ("datetime.now(", "date.today(", "utcnow(", "time.time("):
            assert call not in text, f"{path} calls {call})"
    if where != "settings":
        assert "os.environ" not in text, f"{path} reads the environment"


@pytest.mark.parametrize(
    "path", [path for path, where in modules() if where == "services"], ids=str
)
def test_services_never_commit(path: Path) -> None:
    assert ".commit(" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(ROOT.glob("flows/*.py")), ids=str)
def test_flows_are_a_table_of_contents(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.body[0].lineno < 25, node.name


def test_no_room_is_called_utils() -> None:
    names = {path.stem for path, _ in modules()}
    assert not names & {"utils", "helpers", "common", "misc", "base"}
