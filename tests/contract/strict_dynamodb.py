"""What DynamoDB refuses and moto lets pass: checked before a call reaches moto.

Names that are not aliased (any may become a reserved word), aliases and values that are missing or not used, keys that
are empty or too long, a start key outside the query, duplicates in a batch or a transaction, items over 400 KB.
Source: the API reference of DynamoDB and "Service, account, and table quotas".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.contract.aws import Intercepted

KEYS = ("pk", "sk")
LONGEST = {"pk": 2048, "sk": 1024}
LARGEST_ITEM = 400 * 1024
_WORDS = re.compile(r"[#:]?[A-Za-z_][A-Za-z0-9_]*")
_SYNTAX = {
    *("AND", "OR", "NOT", "IN", "BETWEEN", "SET", "ADD", "REMOVE", "DELETE"),
    *("attribute_exists", "attribute_not_exists", "begins_with", "if_not_exists", "size", "contains"),
}


class RefusedByDynamoDB(AssertionError):
    """DynamoDB would have answered with a ValidationException."""


def strict(client: Any) -> Any:
    """Return the client as strict as DynamoDB."""
    return Intercepted(client, strictly)


def strictly(_operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Check one call as DynamoDB would, then make it; an ``around`` for ``aws.Intercepted``."""
    for request in _requests(arguments):
        _check_expressions(request)
        _check_keys(request)
    _check_batches(arguments)
    return call(**arguments)


def _requests(arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield arguments
    for action in arguments.get("TransactItems", ()):
        yield from action.values()


def _check_expressions(request: Mapping[str, Any]) -> None:
    expressions = [text for name, text in request.items() if name.endswith("Expression")]
    words = {word for text in expressions for word in _WORDS.findall(text)}
    bare = {word for word in words if word[0] not in "#:"} - _SYNTAX - set(KEYS)
    if bare:
        raise RefusedByDynamoDB(f"not aliased: {sorted(bare)}")
    for sign, given in (
        ("#", request.get("ExpressionAttributeNames", {})),
        (":", request.get("ExpressionAttributeValues", {})),
    ):
        used = {word for word in words if word.startswith(sign)}
        if used != set(given):
            raise RefusedByDynamoDB(f"used {sorted(used)}, given {sorted(given)}")
        if not given and ("ExpressionAttributeNames" if sign == "#" else "ExpressionAttributeValues") in request:
            raise RefusedByDynamoDB("empty names or values")


def _check_keys(request: Mapping[str, Any]) -> None:
    for holder in (request.get("Item"), request.get("Key"), request.get("ExclusiveStartKey")):
        if holder is not None:
            _check_key(holder)
    if "Item" in request and item_size(request["Item"]) > LARGEST_ITEM:
        raise RefusedByDynamoDB("item too large")
    start = request.get("ExclusiveStartKey")
    if start is not None and "IndexName" not in request:
        values = request["ExpressionAttributeValues"]
        inside = start["pk"] == values[":pk"] and start["sk"]["S"].startswith(values.get(":prefix", {"S": ""})["S"])
        if not inside:
            raise RefusedByDynamoDB("the starting key is outside query boundaries")


def _check_key(item: Mapping[str, Any]) -> None:
    for name in KEYS:
        text = item[name]["S"]
        if not text or len(text.encode()) > LONGEST[name]:
            raise RefusedByDynamoDB(f"unusable {name}")


def _check_batches(arguments: Mapping[str, Any]) -> None:
    for requests in arguments.get("RequestItems", {}).values():
        if "Keys" in requests:
            keys, most = requests["Keys"], 100
        else:
            items = [request.get("PutRequest", request.get("DeleteRequest")) for request in requests]
            keys, most = [item.get("Item", item.get("Key")) for item in items], 25
        for key in keys:
            _check_key(key)
            if item_size(key) > LARGEST_ITEM:
                raise RefusedByDynamoDB("item too large")
        _check_distinct(keys)
        if not 1 <= len(keys) <= most:
            raise RefusedByDynamoDB(f"{len(keys)} in a batch")
    _check_distinct(
        [
            action.get("Item", action.get("Key"))
            for actions in arguments.get("TransactItems", ())
            for action in actions.values()
        ]
    )


def _check_distinct(keys: list[Mapping[str, Any]]) -> None:
    places = [(key["pk"]["S"], key["sk"]["S"]) for key in keys]
    if len(places) != len(set(places)):
        raise RefusedByDynamoDB("duplicates")


def item_size(value: Any) -> int:
    """Return about how many bytes DynamoDB counts: names and texts in UTF-8, a few bytes for the rest."""
    if isinstance(value, Mapping):
        return sum(len(str(name).encode()) + item_size(inner) + 1 for name, inner in value.items())
    if isinstance(value, list):
        return sum(item_size(inner) + 1 for inner in value)
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else 1
