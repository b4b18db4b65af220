"""Holds answers of Huma's Open API against its OpenAPI document, when that document is at hand.

In two places no server can follow the document to the letter, so they are read as follows:

- the items of a page of groups are ``oneOf`` Group, Company, Location and Team, which all accept each other's
  objects; here one or more of them has to fit;
- the ``status`` of a server error refers to a Java class, while the document's own example is the number 500; here
  it has to be a number.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    import requests

DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "data" / "huma-openapi-1.53.2.yaml"
_ADDRESS = "urn:huma"


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    groups = schemas["PageGroup"]["properties"]["items"]
    groups["items"] = {"anyOf": groups["items"]["oneOf"]}
    schemas["StandardServerErrorResponse"]["properties"]["status"] = {"type": "integer"}
    return document


@lru_cache(maxsize=1)
def _registry() -> Registry[Any]:
    resource: Resource[Any] = Resource.from_contents(_document(), default_specification=DRAFT202012)
    empty: Registry[Any] = Registry()
    registry: Registry[Any] = empty.with_resource(_ADDRESS, resource)
    return registry


@lru_cache(maxsize=1)
def _paths() -> list[tuple[re.Pattern[str], str]]:
    templates = sorted(_document()["paths"], key=lambda template: template.count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", template)), template) for template in templates]


@lru_cache(maxsize=256)
def _validator(reference: str) -> OAS31Validator:
    schema = {"$ref": f"{_ADDRESS}#{reference}"}
    return OAS31Validator(schema, registry=_registry(), format_checker=oas31_format_checker)


def faults_of(response: requests.Response) -> list[str]:
    """What in this answer the document does not allow; empty when it follows it.

    An operation or a status that the document does not describe is a fault, except for what it leaves out of the
    part of it that is kept: PUT and DELETE of an identification.
    """
    method = (response.request.method or "").lower()
    path = urlsplit(response.url).path
    template = next((template for pattern, template in _paths() if pattern.fullmatch(path)), None)
    if template is None:
        return [] if re.fullmatch(r"/users/[^/]+/identifications/[^/]+", path) else [f"{path}: not in the document"]
    operation = _document()["paths"][template].get(method)
    if operation is None:
        return [f"{method} {template}: not in the document"]
    described = operation["responses"].get(str(response.status_code))
    if described is None:
        return [f"{method} {template}: status {response.status_code} is not in the document"]
    if "content" not in described:
        return [] if not response.content else [f"{method} {template}: a body where none is described"]
    pointer = "/".join(
        part.replace("~", "~0").replace("/", "~1")
        for part in ("", "paths", template, method, "responses", str(response.status_code))
    )
    validator = _validator(f"{pointer}/content/application~1json/schema")
    return [
        f"{method} {template} {response.status_code}: {'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(response.json())
    ]
