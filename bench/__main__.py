"""Runs the measurements, prints them as a table and writes ``bench/results.json``.

Each group is a module with ``figures()``, which returns ``{figure: {"value", "goal", "unit", "against"}}``.
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

GROUPS = ("core", "systems", "synchronize", "push", "pages")
RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measure the groups asked for, or all there are."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=_present(), help="one group of measurements")
    arguments = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    measured: dict[str, Any] = {}
    for group in [arguments.only] if arguments.only else _present():
        measured |= importlib.import_module(f"bench.{group}").figures()
    RESULTS.write_text(json.dumps(results | measured, indent=2) + "\n")
    width = max(map(len, measured), default=0)
    for name, figure in measured.items():
        value = f"{figure['value']:g}" if isinstance(figure["value"], float | int) else str(figure["value"])
        print(f"{name:<{width}}  {value:>12} {figure['unit']:<10} goal {figure['goal']:<10} {figure['against']}")


def _present() -> list[str]:
    return [group for group in GROUPS if (Path(__file__).parent / f"{group}.py").exists()]


if __name__ == "__main__":
    main()
