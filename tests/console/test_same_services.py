"""The console has no rules of its own: what both doors offer calls one and the same service."""

import ast
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

CONSOLE = ROOT / "retention" / "web" / "console"
CLI = ROOT / "retention" / "cli"

# What both offer: the console's function, the command's, and the service that each must call.
BOTH = [
    ("deciding.approve", "queue_deciding.approve", "approve"),
    ("bulk.approve_bulk", "queue_deciding.approve", "approve_all"),
    ("deciding.reject", "queue_deciding.reject", "reject"),
    ("deciding.reject", "queue_deciding.milder", "choose_milder"),
    ("deciding.take_back", "queue_deciding.take_back", "take_back"),
    ("deciding.edit", "queue_deciding.edit", "edit"),
    ("deciding.complete", "queue_deciding.complete", "complete"),
    ("deciding.reassign", "queue_deciding.reassign", "reassign"),
    ("deciding.snooze", "queue_deciding.snooze", "snooze"),
    ("deciding.comment", "queue_deciding.comment", "comment"),
    ("deciding.answer_offer", "offer.answer", "record_answer"),
    ("deciding.revise_offer", "offer.revise", "revise"),
    ("deciding.agree_call", "queue_calls_letters.agree", "agree_on_call"),
    ("answering._note", "queue.show", "note_viewing"),
    ("item.item_of", "queue.show", "details"),
    ("customer.place_hold", "hold.place", "place"),
    ("customer.release_hold", "hold.release", "release"),
    ("customer.erase", "audit.erase", "erase"),
    ("customer.export", "audit.export", "export"),
    ("customer.explained", "explain.explain", "explain"),
    ("outbox.move_message", "outbox.end_links", "end_links"),
    ("nights.decide_batch", "batch.release", "release"),
    ("nights.decide_batch", "batch.refuse_batch", "turn_down"),
    ("nights.decide_waiver", "waiver._decide_waiver", "decide"),
    ("customer_work.log_call", "queue_calls_letters.log_call", "log_call"),
    ("customer_work.ask_waiver", "waiver.ask_waiver", "request"),
    ("customer_work.offer_handover", "handover.offer_handover", "offer_handover"),
    ("gates.show_gates", "gate.show", "look"),
    ("gates.accept_gate", "gate.accept", "accept"),
    ("nights.move_handover", "handover.move", "move"),
    ("outbox.move_message", "outbox.settle", "settle"),
    ("outbox.move_message", "outbox.retry", "retry"),
    ("outbox.move_message", "outbox.hold", "hold"),
    ("outbox.move_message", "outbox.release", "release"),
    ("operations.turn_switch", "ops.stop", "stop"),
    ("operations.turn_switch", "ops.start", "start"),
    ("operations.delegate", "team.delegate", "delegate"),
    ("operations.revoke", "team.revoke", "revoke"),
    ("operations.show_audit", "audit.verify", "verify"),
    ("programme.show_people", "queue.stats", "how_people_decide"),
    ("programme.show_results", "measure.measure", "measure_programme"),
]


def called(room: str, where: str) -> set[str]:
    """Return the services that a function of a door uses, by their place in the house."""
    module, _, name = where.partition(".")
    folder = CONSOLE if (CONSOLE / f"{module}.py").exists() else CONSOLE.parent
    folder = folder if room == "console" else CLI
    tree = ast.parse((folder / f"{module}.py").read_text("utf-8"))
    names = dict(imports(tree))
    function = next(
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name
    )
    names.update(imports(function))
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in names:
                found.add(f"{names[node.value.id]}.{node.attr}")
        elif isinstance(node, ast.Name) and node.id in names:
            found.add(names[node.id])
    return {place for place in found if place.startswith("retention.")}


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


@pytest.mark.parametrize(("page", "command", "service"), BOTH, ids=str)
def test_both_doors_call_one_service(page: str, command: str, service: str) -> None:
    shared = called("console", page) & called("cli", command)
    assert [place for place in shared if place.rpartition(".")[2] == service]


def test_pages_write_no_row_of_their_own() -> None:
    for path in sorted((ROOT / "retention" / "web").rglob("*.py")):
        text = path.read_text("utf-8")
        for word in ("session.add(", "update(m", "insert(", ".execute(update", "set_state("):
            assert word not in text, f"{path.name}: {word}"
