"""The state table: one DynamoDB table with string keys ``pk`` and ``sk`` and the TTL attribute ``expires_at``.

A thin, typed way to say conditional writes and paged reads; what the items mean is known by the stores. Expired
items count as gone from the second they expire: DynamoDB deletes them up to days later.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from huma_fortnox.adapters.attribute_values import from_attribute, to_attribute
from huma_fortnox.domain.errors import BadRequest, Defect, TransientError
from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

_BATCH = 25
_GET_BATCH = 100
_NAME = re.compile(r"#(\w+)")
_TRIES = 6
_LONGEST_PK, _LONGEST_SK = 2048, 1024
"""Bytes of UTF-8 that the keys may have (DynamoDB's quotas)."""

_OURS_TO_MEND = {
    "AccessDeniedException",
    "SerializationException",
    "UnrecognizedClientException",
    "ValidationException",
}
"""Refusals that no repetition changes: a request of ours that is wrong, or a right that is missing."""


def _possible(pk: str, sk: str) -> bool:
    try:
        return len(pk.encode()) <= _LONGEST_PK and len(sk.encode()) <= _LONGEST_SK
    except UnicodeEncodeError:
        # half a character, which JSON can carry and DynamoDB cannot
        return False


def condition_failed(error: ClientError) -> bool:
    """Tell whether a write was refused because its condition did not hold."""
    code = error.response["Error"]["Code"]
    return code in ("ConditionalCheckFailedException", "TransactionCanceledException")


@dataclass(frozen=True, slots=True)
class Write:
    """One write of several: put ``item``, or change the attributes in ``assign`` of the item ``key``, or delete it."""

    key: tuple[str, str] = ("", "")
    item: Item | None = None
    assign: Mapping[str, Any] | None = None
    condition: str = ""
    values: Mapping[str, Any] | None = None


class Table:
    """The state table.

    Every method raises ``TransientError("state-unavailable")`` when DynamoDB does not answer, and
    ``Defect("state-refused")`` when it answers that the request itself is at fault. Keys come from callers as well:
    one that no item can have finds nothing.
    """

    def __init__(self, client: DynamoDBClient, name: str, *, clock: Callable[[], float] = time.time) -> None:
        self.client = client
        self.name = name
        self.clock = clock

    def get(self, pk: str, sk: str, *, consistent: bool = True) -> Item | None:
        """Return the item, or ``None`` when there is none or it has expired."""
        if not _possible(pk, sk):
            return None
        answer = self._call(
            "get_item", Key=self._marshal({"pk": pk, "sk": sk}), TableName=self.name, ConsistentRead=consistent
        )
        return self._read(answer.get("Item"))

    def get_many(self, keys: Iterable[tuple[str, str]]) -> list[Item]:
        """Return those of the items that exist, in no order."""
        found: list[Item] = []
        wanted = [self._marshal({"pk": pk, "sk": sk}) for pk, sk in dict.fromkeys(keys) if _possible(pk, sk)]
        for start in range(0, len(wanted), _GET_BATCH):
            pending: Any = {self.name: {"Keys": wanted[start : start + _GET_BATCH], "ConsistentRead": True}}
            for attempt in range(_TRIES):
                answer = self._call("batch_get_item", RequestItems=pending)
                found += [
                    item for raw in answer["Responses"].get(self.name, []) if (item := self._read(raw)) is not None
                ]
                pending = answer.get("UnprocessedKeys")
                if not pending:
                    break
                time.sleep(0.05 * 2**attempt)
            else:
                raise TransientError("state-unavailable")
        return found

    def put(self, item: Item, *, condition: str = "", values: Mapping[str, Any] | None = None) -> bool:
        """Write an item; return ``False`` when the condition does not hold."""
        try:
            self._call("put_item", Item=self._marshal(item), **self._conditional(condition, values))
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def put_new(self, item: Item) -> bool:
        """Write an item unless one with its key exists and has not expired; return whether it was written."""
        return self.put(
            item,
            condition="attribute_not_exists(pk) OR (attribute_exists(#expires_at) AND #expires_at <= :now)",
            values={"now": int(self.clock())},
        )

    def update(
        self,
        pk: str,
        sk: str,
        *,
        assign: Mapping[str, Any] | None = None,
        add: Mapping[str, int] | None = None,
        remove: Sequence[str] = (),
        condition: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Item | None:
        """Change attributes and return the item afterwards; ``None`` when the condition does not hold."""
        clauses: list[str] = []
        filled: dict[str, Any] = dict(values or {})
        if assign:
            clauses.append("SET " + ", ".join(f"#{name} = :set_{name}" for name in assign))
            filled |= {f"set_{name}": value for name, value in assign.items()}
        if add:
            clauses.append("ADD " + ", ".join(f"#{name} :add_{name}" for name in add))
            filled |= {f"add_{name}": value for name, value in add.items()}
        if remove:
            clauses.append("REMOVE " + ", ".join(f"#{name}" for name in remove))
        expression = " ".join(clauses)
        try:
            answer = self._call(
                "update_item",
                Key=self._marshal({"pk": pk, "sk": sk}),
                UpdateExpression=expression,
                ReturnValues="ALL_NEW",
                **self._conditional(condition, filled, also=expression),
            )
        except ClientError as error:
            if condition_failed(error):
                return None
            raise
        return self._read(answer["Attributes"])

    def delete(self, pk: str, sk: str, *, condition: str = "", values: Mapping[str, Any] | None = None) -> bool:
        """Delete an item; return ``False`` when the condition does not hold. Deleting nothing is fine."""
        try:
            self._call("delete_item", Key=self._marshal({"pk": pk, "sk": sk}), **self._conditional(condition, values))
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def page(
        self, pk: str, prefix: str = "", *, after: str = "", limit: int = 100, newest_first: bool = False
    ) -> tuple[list[Item], str]:
        """Return up to ``limit`` items whose ``sk`` starts with ``prefix``, and the ``sk`` to continue after.

        Raises ``BadRequest("query-invalid")`` for an ``after`` that no page of this list can have returned.
        """
        if after and not (after.startswith(prefix) and _possible(pk, after)):
            raise BadRequest("query-invalid", {"name": "after", "expected": "where the page before ended"})
        items: list[Item] = []
        while True:
            extra: dict[str, Any] = {}
            if after:
                extra["ExclusiveStartKey"] = self._marshal({"pk": pk, "sk": after})
            values = {":pk": pk} | ({":prefix": prefix} if prefix else {})
            answer = self._call(
                "query",
                TableName=self.name,
                KeyConditionExpression="pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
                ExpressionAttributeValues=self._marshal(values),
                ConsistentRead=True,
                ScanIndexForward=not newest_first,
                Limit=limit - len(items),
                **extra,
            )
            items += [item for raw in answer["Items"] if (item := self._read(raw)) is not None]
            last = answer.get("LastEvaluatedKey")
            after = str(last["sk"]["S"]) if last else ""
            if not after or len(items) >= limit:
                return items, after

    def every(self, pk: str, prefix: str = "") -> Iterator[Item]:
        """Yield all items whose ``sk`` starts with ``prefix``, in order, a page at a time."""
        after = ""
        while True:
            items, after = self.page(pk, prefix, after=after, limit=500)
            yield from items
            if not after:
                return

    def write_many(self, items: Iterable[Item], *, delete: Iterable[tuple[str, str]] = ()) -> None:
        """Write and delete many items, unconditionally; later ones of the same key win."""
        latest: dict[tuple[str, str], Any] = {}
        for item in items:
            latest[item["pk"], item["sk"]] = {"PutRequest": {"Item": self._marshal(item)}}
        for pk, sk in delete:
            latest[pk, sk] = {"DeleteRequest": {"Key": self._marshal({"pk": pk, "sk": sk})}}
        requests = list(latest.values())
        for start in range(0, len(requests), _BATCH):
            pending: Any = {self.name: requests[start : start + _BATCH]}
            for attempt in range(_TRIES):
                pending = self._call("batch_write_item", RequestItems=pending).get("UnprocessedItems")
                if not pending:
                    break
                time.sleep(0.05 * 2**attempt)
            else:
                raise TransientError("state-unavailable")

    def transact(self, writes: Sequence[Write]) -> frozenset[int]:
        """Carry out all of these writes or none; return which ones' conditions did not hold, empty when all is done."""
        if len(writes) == 1:
            return frozenset() if self._alone(writes[0]) else frozenset({0})
        actions: Any = [self._action(write) for write in writes]
        try:
            self._call("transact_write_items", TransactItems=actions)
        except ClientError as error:
            reasons: Any = error.response.get("CancellationReasons") or []
            codes = [reason.get("Code") for reason in reasons]
            failed = frozenset(n for n, code in enumerate(codes) if code == "ConditionalCheckFailed")
            if not failed:
                # Somebody else writes one of the items just now.
                raise TransientError("state-unavailable", {"code": error.response["Error"]["Code"]}) from None
            return failed
        return frozenset()

    def _alone(self, write: Write) -> bool:
        if write.item is not None:
            return self.put(write.item, condition=write.condition, values=write.values)
        if write.assign:
            changed = self.update(*write.key, assign=write.assign, condition=write.condition, values=write.values)
            return changed is not None
        return self.delete(*write.key, condition=write.condition, values=write.values)

    def _action(self, write: Write) -> dict[str, Any]:
        if write.item is not None:
            given = self._conditional(write.condition, write.values)
            return {"Put": {"Item": self._marshal(write.item), **given}}
        key = self._marshal({"pk": write.key[0], "sk": write.key[1]})
        if not write.assign:
            return {"Delete": {"Key": key, **self._conditional(write.condition, write.values)}}
        expression = "SET " + ", ".join(f"#{name} = :set_{name}" for name in write.assign)
        filled = dict(write.values or {}) | {f"set_{name}": value for name, value in write.assign.items()}
        given = self._conditional(write.condition, filled, also=expression)
        return {"Update": {"Key": key, "UpdateExpression": expression, **given}}

    def found_by(
        self,
        index: str,
        attribute: str,
        value: str,
        pk: str,
        prefix: str,
        *,
        after: str = "",
        limit: int = 100,
    ) -> tuple[list[Item], str]:
        """Return up to ``limit`` items of one ``pk`` that an index finds, last ``sk`` first, and where to continue.

        An index follows its table within moments. ``after`` and what is returned for it are values of ``sk``.
        """
        if after and not (after.startswith(prefix) and _possible(pk, after)):
            raise BadRequest("query-invalid", {"name": "after", "expected": "where the page before ended"})
        extra: dict[str, Any] = {}
        if after:
            extra["ExclusiveStartKey"] = self._marshal({"pk": pk, "sk": after, attribute: value})
        answer = self._call(
            "query",
            TableName=self.name,
            IndexName=index,
            KeyConditionExpression="#attribute = :value AND begins_with(sk, :prefix)",
            ExpressionAttributeNames={"#attribute": attribute},
            ExpressionAttributeValues=self._marshal({":value": value, ":prefix": prefix}),
            ScanIndexForward=False,
            Limit=limit,
            **extra,
        )
        items = [item for raw in answer["Items"] if (item := self._read(raw)) is not None]
        last = answer.get("LastEvaluatedKey")
        return items, str(last["sk"]["S"]) if last else ""

    def _conditional(self, condition: str, values: Mapping[str, Any] | None, *, also: str = "") -> dict[str, Any]:
        extra: dict[str, Any] = {"TableName": self.name}
        if condition:
            extra["ConditionExpression"] = condition
        names = set(_NAME.findall(f"{condition} {also}"))
        if names:
            extra["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
        if values:
            extra["ExpressionAttributeValues"] = self._marshal({f":{name}": value for name, value in values.items()})
        return extra

    def _marshal(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: to_attribute(value) for name, value in values.items()}

    def _read(self, raw: Mapping[str, Any] | None) -> Item | None:
        if not raw:
            return None
        item: Item = {name: from_attribute(value) for name, value in raw.items()}
        expires_at = item.get("expires_at")
        return None if expires_at is not None and expires_at <= self.clock() else item

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self.client, operation)(**arguments)
        except ClientError as error:
            if condition_failed(error):
                raise
            code = error.response["Error"]["Code"]
            if code in _OURS_TO_MEND:
                raise Defect("state-refused", {"code": code}) from None
            raise TransientError("state-unavailable", {"code": code}) from None
        except BotoCoreError as error:
            raise TransientError("state-unavailable", {"code": type(error).__name__}) from None
