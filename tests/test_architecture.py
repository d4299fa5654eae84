"""The walls of the house: who may import whom. Everything that is not listed is forbidden."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEAVES = {
    "domain",
    "yaml_files",
    "scratch",
    "terminal",
    "process",
    "clock",
    "settings",
    "environment",
}
WALLS = """
domain      -> -
db          -> domain
snapshots   -> domain scratch
yaml_files  -> domain
terminal    -> domain
policies    -> domain playbooks scoring sources messages yaml_files
playbooks   -> domain yaml_files scratch
scoring     -> domain yaml_files scratch
sources     -> domain yaml_files scratch
runs        -> db domain
webhooks    -> db domain
safeguards  -> webhooks db domain
people      -> db domain policies
messages    -> db domain yaml_files
cases       -> webhooks db domain people
actions     -> cases messages people safeguards policies playbooks snapshots webhooks db domain
answers     -> actions inbox messages people safeguards policies snapshots sources webhooks db
answers     -> domain
ladder      -> actions cases messages safeguards runs policies playbooks snapshots scoring
ladder      -> scratch db domain
delivery    -> actions messages people safeguards runs policies snapshots sources webhooks db
delivery    -> domain clock
inbox       -> actions messages safeguards delivery db domain
nights      -> answers ladder actions delivery runs sources scoring snapshots policies messages
nights      -> scratch db domain
learning    -> nights sources scoring snapshots policies playbooks domain
audit       -> playbooks policies scoring snapshots db domain
reports     -> actions delivery messages people safeguards policies playbooks scoring snapshots
reports     -> runs scratch db domain
alerts      -> delivery messages safeguards policies webhooks db domain
scheduling  -> domain yaml_files
demo        -> domain
events      -> actions messages people safeguards db domain
bootstrap   -> domain policies snapshots messages delivery db settings environment
environment -> settings
reader      -> db domain settings policies yaml_files
play        -> ANY
cli         -> ANY
web         -> ANY
"""
DOORS = {"cli", "tasks", "flows", "play", "web"}
ROOMS_OF_ALL = set(WALLS.split()) - {"->", "-", "ANY"} - DOORS
ONLY_IN = {
    "prefect": {"flows", "tasks", "scheduling"},
    "yagmail": {"delivery"},
    "smtplib": set(),
    "matplotlib": {"reports"},
    "interpret": {"learning"},
    "sklearn": {"learning"},
    "prefect_dask": {"flows"},
}
STANDARD_LIBRARY_ONLY = {"domain", "clock"}


def allowed() -> dict[str, set[str]]:
    walls: dict[str, set[str]] = {}
    for line in WALLS.strip().splitlines():
        where, _, names = line.partition("->")
        walls.setdefault(where.strip(), set()).update(set(names.split()) - {"-"})
    inside = ROOMS_OF_ALL | LEAVES
    return walls | {
        "cli": inside | {"play", "flows", "tasks", "web"},
        "web": inside,
        "play": inside | {"tasks", "flows", "cli"},
        "tasks": inside,
        "flows": {"tasks", "domain", "clock", "settings"},
        "clock": set(),
        "settings": {"domain"},
        "scratch": set(),
        "__main__": {"cli"},
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


def test_imports_go_through_the_doors_of_the_house() -> None:
    walls = allowed()
    broken = [
        f"{path.relative_to(ROOT)}: {where} -> {module}"
        for path, where in modules()
        for module in imported(path)
        if (target := room(module)) is not None and target not in {where, *walls[where]}
    ]
    assert not broken


def test_no_rooms_stand_in_a_circle() -> None:
    TopologicalSorter(
        {name: walls - {name} for name, walls in allowed().items() if name not in DOORS}
    ).prepare()


def test_only_the_loop_of_delivery_reads_the_clock_below_the_doors() -> None:
    told = {
        path.name
        for path, where in modules()
        if where == "delivery" and "retention.clock" in set(imported(path))
    }
    assert told <= {"worker.py", "logbook.py"}


PURE = {
    "messages": "leaving logo money placed_values rendering templates template_filters "
    "template_language markdown mime letters invitations tokens locale lint samples editing",
    "inbox": "parse bounces out_of_office quotations letter_text decoded_headers feedback "
    "automatic invitation_answers protecting",
    "safeguards": "bounce_reasons",
    "delivery": "smtp yagmail_client mail_server deadline pacing",
    "webhooks": "signing posting",
}


def test_what_needs_no_database_knows_of_none() -> None:
    pure = {f"retention.{where}.{name}" for where, names in PURE.items() for name in names.split()}
    for where, names in PURE.items():
        for name in names.split():
            modules = set(imported(ROOT / "retention" / where / f"{name}.py")) - pure
            rooms = {room(module) for module in modules}
            assert rooms <= {None, "domain", "yaml_files", "messages", where}, f"{where}/{name}"
            assert not {m for m in modules if m.startswith("sqlalchemy")}, f"{where}/{name}"


SHARED_NAMES = {"__init__", "lifecycle"}


def test_no_two_files_outside_domain_db_cli_and_web_have_one_name() -> None:
    seen: dict[str, Path] = {}
    for path, where in modules():
        if where in ("domain", "db", "cli", "web", "flows", "tasks") or path.stem in SHARED_NAMES:
            continue
        assert path.name not in seen, f"{path} and {seen[path.name]}"
        seen[path.name] = path


def test_libraries_stay_in_their_rooms() -> None:
    broken = []
    for path, where in modules():
        for module in imported(path):
            top = module.split(".")[0]
            strange = where in STANDARD_LIBRARY_ONLY and room(module) is None
            if where not in ONLY_IN.get(top, {where}) or (
                strange and top not in sys.stdlib_module_names
            ):
                broken.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not broken


def test_only_the_clock_reads_the_clock_and_only_settings_the_environment() -> None:
    broken = []
    for path, where in modules():
        text = path.read_text(encoding="utf-8")
        calls = ("datetime.now(", "date.today(", "utcnow(", "time.time(")
        broken += [f"{path}: {call}" for call in calls if call in text and where != "clock"]
        if "os.environ" in text and where != "environment":
            broken.append(f"{path} reads the environment")
    assert not broken


def test_only_doors_open_transactions() -> None:
    may = DOORS | {"db"}
    broken = []
    for path, where in modules():
        text = path.read_text(encoding="utf-8")
        name = f"{where}/{path.name}"
        if ".commit(" in text and where not in may:
            broken.append(f"{path} commits")
        opens = "writing(" in text and where not in may
        if opens and name not in {"nights/plan.py", "delivery/worker.py", "delivery/logbook.py"}:
            broken.append(f"{path} opens a transaction")
    assert not broken


def test_flows_are_a_table_of_contents() -> None:
    for path in sorted(ROOT.glob("flows/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.body[0].lineno < 25, node.name


def test_no_room_is_called_utils() -> None:
    names = {path.stem for path, _ in modules()}
    assert not names & {"utils", "helpers", "common", "misc", "base"}


WRITERS = {
    "Account": "people/accounts",
    "ApiKey": "events/api_keys",
    "Action": "actions/proposing actions/lifecycle",
    "AgreedCall": "actions/agreed_calls",
    "Alert": "alerts/open_alerts",
    "Approval": "actions/approval",
    "Batch": "ladder/held_batches",
    "Case": "cases/lifecycle",
    "CaseEvent": "cases/lifecycle",
    "Claim": "actions/claims",
    "Comment": "actions/assignment",
    "CustomerLink": "messages/customer_links",
    "Confirmation": "ladder/confirmations",
    "DeadAddress": "safeguards/dead_addresses",
    "Delegation": "people/delegations",
    "DeliveryAttempt": "delivery/attempts",
    "Draft": "actions/drafts",
    "Exclusion": "safeguards/exclusions",
    "GateOverride": "nights/gate_overrides",
    "Handover": "cases/handovers",
    "Holdout": "ladder/holdouts",
    "Incoming": "inbox/take_effect answers/words_for_owner",
    "InstalmentPlan": "safeguards/instalments",
    "Message": "messages/outbox",
    "Offer": "actions/offers",
    "Preference": "safeguards/preferences",
    "PlaybookVersion": "cases/lifecycle",
    "ReceivedEvent": "events/take_effect_of",
    "Receipt": "ladder/decision_receipts",
    "Rendering": "messages/compose messages/compose_text",
    "Round": "runs/rounds",
    "Run": "runs/ledger",
    "SavedView": "people/saved_views",
    "SignInAttempt": "people/accounts",
    "SignInLink": "people/sign_in_links",
    "Submission": "answers/submissions",
    "Switch": "safeguards/kill_switch",
    "Viewing": "actions/approval",
    "Waiver": "cases/waivers",
    "WebhookDelivery": "webhooks/deliveries",
    "WebhookEvent": "webhooks/outgoing",
    "WebSession": "people/web_sessions",
}
"""Who makes the rows of a kind, and who changes their state."""


def models_of(tree: ast.AST) -> dict[str, str]:
    """The models that a module imports, by the name it calls them."""
    return {
        name.asname or name.name: name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("retention.db.models")
        for name in node.names
    }


def calls(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Calls of plain names, each with the name its first argument begins with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.args else None
            while isinstance(first, ast.Attribute):
                first = first.value
            yield node.func.id, first.id if isinstance(first, ast.Name) else ""


def rows_written(path: Path) -> Iterator[str]:
    """The kinds of rows that a module makes, or changes many at once."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    models = models_of(tree)
    for name, first in calls(tree):
        if name in models:
            yield models[name]
        elif name in ("insert", "update") and first in models:
            yield models[first]


def test_rows_of_a_kind_are_made_and_changed_by_their_writer() -> None:
    """Two others touch rows, and no state: erasure, and the mark of who waited too long."""
    broken = [
        f"{where}/{path.stem} writes {kind}"
        for path, where in modules()
        if where != "db" and path.stem not in ("erasure", "escalation")
        for kind in rows_written(path)
        if f"{where}/{path.stem}" not in WRITERS[kind].split()
    ]
    assert not broken


def test_a_state_is_assigned_by_a_writer_that_asks_the_table() -> None:
    writers = set(" ".join(WRITERS.values()).split())
    for path, where in modules():
        text = path.read_text(encoding="utf-8")
        assigned = [
            target
            for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assign)
            for goal in node.targets for target in ast.walk(goal)
            if isinstance(target, ast.Attribute)
            and target.attr == "state" and isinstance(target.ctx, ast.Store)
        ]  # fmt: skip
        if assigned and where != "demo":
            assert f"{where}/{path.stem}" in writers, path
            assert "require_move" in text or path.stem == "rounds", f"{path} asks no table"
