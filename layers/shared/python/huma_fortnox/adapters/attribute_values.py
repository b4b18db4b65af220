"""DynamoDB's attribute values and plain Python values, each made from the other.

boto3 has the same in ``boto3.dynamodb.types``; importing boto3 for it, with its resources and file transfers, would be
a fifth of a cold start. Numbers are whole here, or read as they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Attribute = dict[str, Any]


def to_attribute(value: Any) -> Attribute:
    """Return a value as DynamoDB takes it; raises ``TypeError`` for what no item of ours holds (floats, sets).

    >>> to_attribute({"n": 1, "yes": True, "texts": ["a", None]})
    {'M': {'n': {'N': '1'}, 'yes': {'BOOL': True}, 'texts': {'L': [{'S': 'a'}, {'NULL': True}]}}}
    """
    if isinstance(value, str):
        return {"S": str(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, Mapping):
        return {"M": {str(name): to_attribute(inner) for name, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [to_attribute(inner) for inner in value]}
    if isinstance(value, bytes):
        return {"B": value}
    raise TypeError(f"no attribute of the state table is a {type(value).__name__}")


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """Return what an attribute value holds.

    >>> from_attribute({"L": [{"N": "-7"}, {"N": "0.5"}, {"NULL": True}, {"M": {"b": {"BOOL": False}}}]})
    [-7, 0.5, None, {'b': False}]
    """
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if kind == "M":
        return {name: from_attribute(inner) for name, inner in value.items()}
    if kind == "L":
        return [from_attribute(inner) for inner in value]
    if kind == "NULL":
        return None
    if kind in ("S", "BOOL", "B"):
        return value
    raise TypeError(f"no attribute of the state table is of the kind {kind}")
