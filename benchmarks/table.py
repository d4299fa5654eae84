"""Write the results down: a table for people, JSON for programs."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
Row = dict[str, Any]


def write(results: list[Row], size: int, rows: int, large: int, more: int, rounds: int) -> None:
    lines = [
        "# How fast",
        "",
        f"Made by `make bench` with {size:,} customers and {rows:,} rows (the growth: {large:,}",
        f"customers and {more:,} rows); medians of {rounds} rounds, both sides in turn. Read the",
        "ratios: seconds depend on the machine.",
        "",
        "| work | s | against | s | ratio (range) | aim |",
        "|---|---|---|---|---|---|",
    ]
    for r in results:
        low, high = r["ratio_range"]
        lines.append(
            f"| {r['work']} | {r['seconds']} | {r['against']} | {r['bound_seconds']} "
            f"| {r['ratio']} ({low} to {high}) | {r['aim']} |"
        )
    grown = next(r for r in results if "larger" in r)
    lines += ["", *_memory(grown), "", *_profile(results[0])]
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = {"customers": size, "rows": rows, "large": large, "rows_large": more,
                "rounds": rounds, "results": results}  # fmt: skip
    (ROOT / "docs" / "benchmarks.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print("\n".join(lines))


def _profile(measured: Row) -> list[str]:
    took = sorted(measured["profile"].items(), key=lambda step: -step[1])
    listed = ", ".join(f"{name} {seconds} s" for name, seconds in took)
    return [
        "Where the features' time goes: " + listed + ".",
        "",
        "The numpy side adds numbers up and takes the ids apart as integers; it checks nothing.",
        "Ours reads ids as text, refuses broken rows and duplicate keys, and keeps a ledger: each",
        "invoice settled by the payments that name it, loose money to the oldest first, as of any",
        "date.",
        "",
        "The decisions: an open case for every tenth customer, on a usual night: one in fifty is",
        "due; the others wait for what they waited for the night before.",
    ]


def _memory(grown: Row) -> list[str]:
    lines = [
        "| customers | shards | pull s | score s | release s | peak MiB |",
        "|---|---|---|---|---|---|",
    ]
    for side in ("smaller", "larger"):
        r = grown[side]
        steps = " | ".join(str(r["steps"][name]) for name in ("pull", "score", "release"))
        lines.append(f"| {r['customers']:,} | {r['shards']} | {steps} | {r['peak_mib']:,} |")
    return lines
