"""Finds the reason codes in the source, so that a code without words cannot be added unnoticed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from huma_fortnox import domain
from huma_fortnox.domain import errors, format_errors

PACKAGE = Path(next(iter(domain.__path__))).parent
SIDES = ("huma", "fortnox")


def _names(module: object, base: type) -> set[str]:
    return {name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, base)}


CODE_FIRST = {"Reason"} | _names(errors, errors.IntegrationError) | _names(format_errors, format_errors.FormatError)
"""What takes a code as its first argument."""
CODE_THIRD = {"Rule"}
"""A row of the clients' tables: action, error class, code."""


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Yield the package's modules, parsed."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def reason_codes() -> dict[str, str]:
    """Return every reason code the source names, with a place where it does."""
    found = {}
    for path, tree in sources():
        for node in ast.walk(tree):
            for code in _codes(node):
                found[code] = f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
    for code in format_errors.EXPLANATIONS:
        found.setdefault(code, "domain/format_errors.py")
    return found


def activity_kinds() -> set[str]:
    """Return the kinds of log entries the use cases write."""
    found: set[str] = set()
    for path, tree in sources():
        if path.parent.name != "services":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                if _name(node) == "Activity":
                    found.update(*(_strings(each.value) for each in node.keywords if each.arg == "kind"))
                if _name(node) == "_log" and len(node.args) > 1:
                    found.update(_strings(node.args[1]))
    return found


def _codes(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Call):
        if _name(node) in CODE_FIRST and node.args:
            return _strings(node.args[0])
        if _name(node) in CODE_THIRD and len(node.args) > 2:
            return _strings(node.args[2])
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "default_code" for t in node.targets):
        return _strings(node.value)
    return []


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _strings(node: ast.expr) -> list[str]:
    """Return the texts an expression can be; a placeholder stands for either side."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return _strings(node.body) + _strings(node.orelse)
    if isinstance(node, ast.JoinedStr) and any("side" in ast.dump(part) for part in node.values):
        return [
            "".join(str(part.value) if isinstance(part, ast.Constant) else side for part in node.values)
            for side in SIDES
        ]
    return []
