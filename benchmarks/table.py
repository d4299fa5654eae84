"""Write the results down: a table for people, JSON for programs."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


BY_HAND = "<!-- what follows is not made by make bench -->"


def write(
    docs: Path, results: list[Row], size: int, rows: int, large: int, more: int, rounds: int
) -> None:
    """Write benchmarks.md and benchmarks.json; of the page, what people wrote below stays."""
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
    page = docs / "benchmarks.md"
    _, mark, kept = (page.read_text("utf-8") if page.exists() else "").partition(BY_HAND)
    page.write_text("\n".join(lines) + "\n" + (f"\n{mark}{kept}" if mark else ""), "utf-8")
    document = {"customers": size, "rows": rows, "large": large, "rows_large": more,
                "rounds": rounds, "results": results}  # fmt: skip
    (docs / "benchmarks.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
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
