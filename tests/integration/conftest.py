"""Stacks on the local emulator that several tests share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.build import build
from local.stack import EMULATOR_PYTHON, LOCAL, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = Path(__file__).parent / "templates"

HOST_SECRETS = {
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "a-token-of-the-host",
    "AWS_SECRET_ACCESS_KEY": "a-key-of-the-host",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}
"""What a developer's shell may hold while the stack is started."""


@pytest.fixture(scope="module")
def everything() -> Iterator[Stack]:
    """A stack with one of everything the product uses, started from a developer's shell."""
    template = TEMPLATES / "everything" / "template.yaml"
    # Before the shell changes: a first build may have to fetch wheels, through a proxy that is real.
    build(template, cache=LOCAL / "cache", emulator_python=EMULATOR_PYTHON)
    with pytest.MonkeyPatch.context() as shell:
        for name, value in HOST_SECRETS.items():
            shell.setenv(name, value)
        with Stack.start({"Greeting": "hej"}, template=template) as stack:
            yield stack
