"""Build the real template for this machine with `sam build`, once for each content.

What comes out is what `sam package` would upload: the built template with its local paths replaced
by S3 addresses, and one archive for each function, layer and state machine. The only difference to
a build for AWS is the target of the layer's wheels: this machine's platform and the Python that the
local functions run on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "local-artifacts"
TEMPLATE_KEY = "template.json"

LOCAL_PATHS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
"""The property of each resource type that names a file or folder of the repository."""

KEPT_BUILDS = 6


class BuildError(Exception):
    """`sam build` failed; the message is what it printed."""


class Build(NamedTuple):
    """A finished build: a folder that holds exactly what has to be uploaded to `BUCKET`."""

    folder: Path

    def artifacts(self) -> Iterator[Path]:
        """The files to upload, each under its name as key."""
        return self.folder.iterdir()


def build(template: Path, *, cache: Path, emulator_python: Path) -> Build:
    """The build of a template, made only when a build of the same content is not in the cache.

    The content is the template with every file it names, the layer's recipe and requirements
    included. A change in our own Python code repeats the build but not the installation of the
    wheels, which the recipe keeps in the cache by themselves.

    Raises BuildError.
    """
    template = template.resolve()
    builds = cache / "builds"
    for name in ("builds", "wheels", "sam"):
        (cache / name).mkdir(parents=True, exist_ok=True)
    folder = builds / _content_digest(template, emulator_python)[:32]
    if not folder.exists():
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=builds))
        try:
            _run_sam_build(template, unfinished, cache, emulator_python)
            artifacts = unfinished / "artifacts"
            artifacts.mkdir()
            _package(unfinished / "built" / "template.yaml", artifacts)
            artifacts.rename(folder)
        except OSError:
            # Another process was quicker: its build has the same content.
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    os.utime(folder)
    _remove_old(builds)
    _remove_old(cache / "wheels")
    return Build(folder)


def _content_digest(template: Path, emulator_python: Path) -> str:
    digest = hashlib.sha256()
    for part in (str(template), sys.platform, _python_version(emulator_python)):
        digest.update(f"{part}\0".encode())
    for path in [Path(__file__), template, *_named_files(template)]:
        digest.update(f"{path.relative_to(path.anchor)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _named_files(template: Path) -> Iterator[Path]:
    """Every file that the template names, itself or by its folder, in a stable order."""
    named = {
        (template.parent / properties[name]).resolve()
        for properties, name in _local_paths(yaml_parse(template.read_text()))
    }
    for path in sorted(named):
        if path.is_file():
            yield path
        for file in sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def _local_paths(template: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each place where a resource names a file: its properties and the property's name."""
    for resource in template["Resources"].values():
        name = LOCAL_PATHS.get(resource["Type"])
        if name and isinstance(resource.get("Properties", {}).get(name), str):
            yield resource["Properties"], name


def _python_version(emulator_python: Path) -> str:
    """The version of a virtual environment's Python, read without starting it."""
    configuration = (emulator_python.parent.parent / "pyvenv.cfg").read_text()
    settings = dict(line.split(" = ", 1) for line in configuration.splitlines() if " = " in line)
    return settings["version"]


def _run_sam_build(template: Path, folder: Path, cache: Path, emulator_python: Path) -> None:
    sam_directory = cache / "sam"
    # Otherwise it asks the package index once a week whether there is a newer release.
    (sam_directory / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    command = [
        *(str(Path(sys.executable).with_name("sam")), "build"),
        *("--template-file", str(template)),
        *("--build-dir", str(folder / "built")),
        *("--no-cached", "--no-beta-features"),
    ]
    # A build needs nothing of AWS, and a profile that does not exist would stop it.
    shell = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {
        **shell,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(sam_directory),
        "LAYER_PLATFORMS": "",
        "LAYER_PYTHON_VERSION": _python_version(emulator_python),
        "LAYER_PIP": f"'{emulator_python}' -m pip",
        "LAYER_WHEELS_CACHE": str(cache / "wheels"),
    }
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise BuildError(f"sam build failed:\n{result.stdout}")


def _package(built_template: Path, artifacts: Path) -> None:
    template = yaml_parse(built_template.read_text())
    for properties, name in _local_paths(template):
        source = (built_template.parent / properties[name]).resolve()
        if source.is_dir():
            key = _archive(source, artifacts)
        else:
            key = f"{hashlib.sha256(source.read_bytes()).hexdigest()[:32]}{source.suffix}"
            shutil.copyfile(source, artifacts / key)
        properties[name] = f"s3://{BUCKET}/{key}"
    (artifacts / TEMPLATE_KEY).write_text(json.dumps(template, indent=1))


def _archive(folder: Path, artifacts: Path) -> str:
    """Write an archive of a folder, named by its content so that equal code stays equal code."""
    unnamed = artifacts / "archive"
    with zipfile.ZipFile(unnamed, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(folder)))
                entry.external_attr = (path.stat().st_mode & 0o777) << 16
                archive.writestr(entry, path.read_bytes())
    key = f"{hashlib.sha256(unnamed.read_bytes()).hexdigest()[:32]}.zip"
    unnamed.rename(artifacts / key)
    return key


def _remove_old(folder: Path) -> None:
    """Remove all but the newest few entries, and what an interrupted build left an hour ago."""
    entries = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    unfinished = [path for path in entries if path.name.startswith("unfinished-")]
    hour_ago = time.time() - 3600
    abandoned = [path for path in unfinished if path.stat().st_mtime < hour_ago]
    finished = [path for path in entries if path not in unfinished]
    for path in abandoned + finished[:-KEPT_BUILDS]:
        shutil.rmtree(path, ignore_errors=True)
