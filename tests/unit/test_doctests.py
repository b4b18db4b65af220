"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest
from huma_fortnox import domain

PACKAGE = Path(domain.__file__).parent.parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
FORMATS = [
    *("address", "bank_account", "country", "dates", "email", "employment_id", "iban", "identity_number"),
    *("person_name", "phone", "postcode", "text"),
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_module_shows_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"huma_fortnox.domain.{name}")).attempted > 0
