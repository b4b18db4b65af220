"""Imports point one way, and the domain touches nothing outside itself."""

import ast
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "shared" / "python" / "huma_fortnox"
NAME = PACKAGE.name

# Who may import whom, inside the package. Adapters fulfil the ports, which stand beside the use cases.
# What the use cases speak of and need, without any use case in it.
SPOKEN = {f"services.{name}" for name in ("ports", "model", "real_time", "real_time_ports", "lane_messages")}
ALLOWED = {
    "domain": {"domain"},
    "services": {"services", "domain"},
    "adapters": {"adapters", *SPOKEN, "domain", "observability"},
    "pages": {"pages", "services.model", "services.real_time", "domain"},
    "web": {"web", "pages", *SPOKEN, "domain", "observability"},
}
# What the domain may use: texts, numbers and days. No files, no network, no clock, no chance, no logs.
STANDARD = {
    *("__future__", "bisect", "collections", "dataclasses", "datetime", "enum", "functools", "hashlib", "operator"),
    *("re", "sys", "typing", "unicodedata"),
}
LIBRARIES = {"babel", "email_validator", "phonenumbers", "stdnum"}
# A function is parse, one call, answer: what it parses with may be the bus adapter's own reader.
FUNCTIONS_MAY = {"bootstrap", "observability", "adapters.events", "adapters.mail_reports", "services", "domain", "web"}
CLOCKS = {"now", "today", "utcnow", "fromtimestamp"}


def modules(part: str) -> list[Path]:
    return sorted((PACKAGE / part).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno} imports relatively"
            assert node.module is not None
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def inside(name: str) -> str:
    return name.removeprefix(f"{NAME}.")


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_inside_the_package_imports_point_one_way(part: str) -> None:
    assert modules(part)
    against = [
        f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        for path in modules(part)
        for name, line in imports(path)
        if name.partition(".")[0] == NAME
        and not any(f"{inside(name)}.".startswith(f"{allowed}.") for allowed in ALLOWED[part])
    ]
    assert against == []


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_what_the_use_cases_speak_of_holds_no_use_case(name: str) -> None:
    path = PACKAGE / f"{name.replace('.', '/')}.py"
    others = [
        each
        for each, _ in imports(path)
        if inside(each).startswith("services.") and not any(f"{inside(each)}.".startswith(f"{s}.") for s in SPOKEN)
    ]
    assert others == []


def test_no_module_imports_itself_by_a_detour() -> None:
    """Imports for the type checker do not count: they happen to nobody."""
    files = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    graph = {name: sorted(_imported_at_once(path, files.keys()) - {name}) for name, path in files.items()}
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        assert name not in way, f"{' imports '.join([*way[way.index(name) :], name])}"
        if name not in done:
            for each in graph[name]:
                visit(each, [*way, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    assert len(done) == len(files) > 50


def _imported_at_once(path: Path, known: Collection[str]) -> set[str]:
    """Return the modules of the package that a module imports when it is imported itself."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == NAME:
            inner = inside(node.module) if node.module != NAME else ""
            names = {f"{inner}.{alias.name}".strip(".") for alias in node.names}
            found |= {name if name in known else inner for name in names}
    return found & set(known)


@pytest.mark.parametrize("simulator", ["fortnox_simulator", "huma_simulator"])
def test_a_simulator_knows_nothing_of_what_it_is_there_to_test(simulator: str) -> None:
    shared = [ROOT / "local" / name for name in ("simulation.py", "simulator_process.py")]
    own = sorted((ROOT / "local" / simulator).rglob("*.py"))
    assert own
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in (*own, *shared)
        for name, line in imports(path)
        if name.partition(".")[0] in (NAME, "functions", "tests")
        or (name.startswith("local.") and name.split(".")[1] not in (simulator, "simulation", "simulator_process"))
    ]
    assert found == []


def test_nothing_in_the_package_imports_functions_tests_or_the_local_system() -> None:
    outer = {"functions", "local", "tests", "bench"}
    found = [
        f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name, line in imports(path)
        if name.partition(".")[0] in outer
    ]
    assert found == []


def test_a_function_knows_only_the_bootstrap_and_what_it_is_handed() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / "functions").rglob("*.py"))
        for name, line in imports(path)
        if name.startswith(("boto3", "botocore", "requests"))
        or (
            name.partition(".")[0] == NAME
            and not any(f"{inside(name)}.".startswith(f"{allowed}.") for allowed in FUNCTIONS_MAY)
        )
    ]
    assert found == []


def test_the_domain_uses_no_input_output_clock_or_chance() -> None:
    found = []
    for path in modules("domain"):
        for name, line in imports(path):
            top = name.partition(".")[0]
            if top != NAME and top not in STANDARD and top not in LIBRARIES:
                found.append(f"{path.name}:{line} imports {name}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                found.append(f"{path.name}:{node.lineno} asks for the time")
            if isinstance(node, ast.Name) and node.id in {"open", "print", "input"}:
                found.append(f"{path.name}:{node.lineno} calls {node.id}")
    assert found == []


def test_the_standard_modules_named_here_are_standard() -> None:
    assert STANDARD - sys.stdlib_module_names - {"__future__"} == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [path.name for path in PACKAGE.rglob("*.py") if path.stem in empty] == []
