"""The examples in the domain's docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest
from huma_fortnox import domain

MODULES = sorted(path.stem for path in Path(domain.__file__).parent.glob("*.py") if path.stem != "__init__")
FORMATS = [
    *("address", "bank_account", "country", "dates", "email", "employment_id", "iban", "identity_number"),
    *("person_name", "phone", "postcode", "text"),
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"huma_fortnox.domain.{name}"))
    assert result.failed == 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_module_shows_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"huma_fortnox.domain.{name}")).attempted > 0
