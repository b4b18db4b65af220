"""What ministack 1.5.33 lacks for this product, filled in one place: each gap a function that says why.

`fill` is called once, before the emulator serves. Everything here reaches into the emulator's inner
parts, which is why `local.emulator` insists on the exact release and `tests/integration/
test_emulator.py` has a check of each gap.
"""

from __future__ import annotations

import copy
import fcntl
import hashlib
import importlib.metadata
import io
import json
import logging
import os
import shlex
import shutil
import sys
import tempfile
import threading
import zipfile
from contextvars import ContextVar
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ministack.core import lambda_runtime
from ministack.services import apigateway, dynamodb, lambda_svc, sqs, stepfunctions
from ministack.services.cloudformation import provisioners

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

Properties = dict[str, Any]
"""The resolved properties of one CloudFormation resource."""


class Viewer(NamedTuple):
    """Who sent the HTTP request being answered, as `requestContext` will tell it."""

    domain_name: str
    source_ip: str


REQUEST: ContextVar[Viewer | None] = ContextVar("REQUEST", default=None)
"""Set by `local.origin` for each request; empty for requests to the emulator's own prefix."""


def fill(*, logs: Path, cache: Path) -> None:
    """Fill every gap.

    `logs` receives one file a function with everything it prints. `cache` keeps unpacked layers
    between starts, together with the bytecode Python writes beside them, which halves a cold start.
    A file `dynamodb-usage` beside the logs tells what DynamoDB was asked for and would charge.
    """
    cache.mkdir(parents=True, exist_ok=True)
    run_functions_as_lambda_does(logs=logs, cache=cache)
    serve_lanes_side_by_side()
    import_http_api_bodies()
    complete_http_api_events()
    run_workflows_as_step_functions_does()
    apply_table_settings()
    meter_dynamodb(logs / DYNAMODB_USAGE)
    accept_alarms_on_metric_math()
    accept_resources_without_local_effect()


# --- Functions ---------------------------------------------------------------------------------

RUNTIME_DISTRIBUTIONS = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)
"""What Lambda's Python runtime brings along; nothing else may come from outside layer and code."""

MOST_ENVIRONMENTS = 10
"""Execution environments of one function at the same time; each takes some 60 MB of this machine."""

KEPT_LAYERS = 6
"""Unpacked layers that stay in the cache; one of ours takes 40 to 60 MB."""


def run_functions_as_lambda_does(*, logs: Path, cache: Path) -> None:
    """Run Python functions under AWS's own runtime interface client, as custom runtimes already are.

    The emulator's own Python worker reports every exception as `Runtime.HandlerError`, so no Retry
    or Catch of a state machine that names an exception class would ever match. Its worker for
    custom runtimes passes on what the runtime interface client reports.
    """
    packages = _runtime_packages(cache)
    layers = _Layers(cache)

    def code_directory(code_zip: bytes) -> str:
        directory: str = original_code_directory(code_zip)
        bootstrap = Path(directory, "bootstrap")
        if not bootstrap.exists():
            # -S: without the packages of the emulator's own virtual environment.
            command = shlex.join([sys.executable, "-S", "-m", "awslambdaric"])
            bootstrap.write_text(f'#!/bin/sh\nexec {command} "$_HANDLER"\n')
            bootstrap.chmod(0o755)
        return directory

    def environment(config: Properties, code_directory: str, port: int) -> dict[str, str]:
        return _function_environment(config, code_directory, port, [*layers.of(config), packages])

    class FunctionWorker(lambda_runtime.ProvidedWorker):  # type: ignore[misc]
        """One execution environment of a function."""

        def _build_handler_class(self, generation: int, pending: Any) -> Any:
            # The Runtime API answers in two small writes, and the second waits 40 ms for the
            # delayed acknowledgement of the first: send both at once, and without delay.
            handler = super()._build_handler_class(generation, pending)
            return type("RuntimeAPI", (handler,), {"wbufsize": -1, "disable_nagle_algorithm": True})

        def _drain_stderr_bounded(
            self,
            first_line_wait: float = 0.001,
            idle_confirm: float = 0.001,
            hard_cap: float = 0.050,
        ) -> str:
            # By default each answer is held back 50 ms for a line that may still come. What comes
            # later is in the function's log file all the same.
            return str(super()._drain_stderr_bounded(first_line_wait, idle_confirm, hard_cap))

        def _pump_output(self, stream: Any, log_queue: Any) -> None:
            path = logs / f"{self.func_name}.log"
            with path.open("ab", buffering=0) as file:
                super()._pump_output(_Tee(stream, file), log_queue)

    def worker_class(config: Properties) -> Any:
        if str(config.get("Runtime", "")).startswith("python"):
            return FunctionWorker
        return original_worker_class(config)

    original_code_directory = lambda_svc._provided_runtime_code_dir
    original_worker_class = lambda_runtime._worker_class_for
    lambda_svc._provided_runtime_code_dir = code_directory
    lambda_svc._provided_worker_env = environment
    lambda_svc._execute_function_warm = _a_few_at_a_time(lambda_svc._execute_function_provided_warm)
    lambda_runtime._worker_class_for = worker_class


def _a_few_at_a_time(execute: Callable[[Properties, Any, str], Any]) -> Callable[[Properties, Any, str], Any]:
    """Let an invocation wait while enough others of its function run.

    The emulator starts an execution environment for every invocation that finds none free. A hundred events at once
    would be a hundred processes, each of which needs a second of this machine to start: none would be ready in time.
    """
    places: dict[str, threading.Semaphore] = {}
    lock = threading.Lock()

    def run(function: Properties, event: Any, request_id: str) -> Any:
        name = (function.get("config") or function).get("FunctionName", "")
        with lock:
            place = places.setdefault(name, threading.Semaphore(MOST_ENVIRONMENTS))
        with place:
            return execute(function, event, request_id)

    return run


class _Tee:
    """A function's output stream that also lands in its log file, at once and complete."""

    def __init__(self, stream: IO[bytes], file: IO[bytes]) -> None:
        self._stream = stream
        self._file = file

    def readline(self) -> bytes:
        line = self._stream.readline()
        self._file.write(line)
        return line

    def close(self) -> None:
        self._stream.close()


def _function_environment(
    config: Properties, code_directory: str, port: int, search_path: list[Path]
) -> dict[str, str]:
    """The whole environment of a function: Lambda's variables and its own, nothing inherited.

    `AWS_ENDPOINT_URL` comes last, so that no function can ever reach AWS itself.
    """
    name: str = config["FunctionName"]
    _account_id, region = lambda_runtime._account_region_from_function_config(config)
    logging_config: dict[str, str] = config.get("LoggingConfig") or {}
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "HOME", "TMPDIR")} | {
        "PYTHONPATH": os.pathsep.join(map(str, search_path)),
        "_HANDLER": config["Handler"],
        "LAMBDA_TASK_ROOT": code_directory,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": logging_config.get("LogFormat", "Text"),
        "AWS_LAMBDA_LOG_GROUP_NAME": logging_config.get("LogGroup", f"/aws/lambda/{name}"),
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **lambda_runtime.execution_credentials(config),
        **lambda_svc._runtime_env_vars(config),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
    }
    if level := logging_config.get("ApplicationLogLevel"):
        environment["AWS_LAMBDA_LOG_LEVEL"] = level
    return environment


class _Layers:
    """Layer versions unpacked once each, whatever the number of functions and starts."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._directories: dict[str, Path] = {}
        self._remove_old()

    def of(self, config: Properties) -> list[Path]:
        """The folders of a function's layers that Python searches, in Lambda's order.

        On Lambda all layers are unpacked into one folder, later ones over earlier ones.
        """
        search_path = []
        for layer in reversed(config.get("Layers") or []):
            with self._lock:
                directory = self._directories.get(layer["Arn"]) or self._unpack(layer)
                self._directories[layer["Arn"]] = directory
            search_path += sorted(directory.glob("python/lib/python3.*/site-packages"))
            search_path.append(directory / "python")
        return search_path

    def _unpack(self, layer: Properties) -> Path:
        content = lambda_svc._resolve_layer_zip(layer)
        if content is None:
            raise RuntimeError(f"The content of layer {layer['Arn']} is missing")
        digest = hashlib.sha256(content).hexdigest()

        def write(directory: Path) -> None:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                lambda_svc._extract_zip_preserving_mode(archive, directory)

        directory = _create_once(self._cache / f"layer-{digest[:32]}", write)
        os.utime(directory)
        # Held open until the process ends, so that no other emulator removes what we run on.
        fcntl.flock(os.open(directory, os.O_RDONLY), fcntl.LOCK_SH)
        return directory

    def _remove_old(self) -> None:
        """Remove all but the newest few, except those that another emulator still uses."""
        directories = sorted(self._cache.glob("layer-*"), key=lambda path: path.stat().st_mtime)
        for directory in directories[:-KEPT_LAYERS]:
            handle = os.open(directory, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
            except BlockingIOError:
                continue
            finally:
                os.close(handle)


def _runtime_packages(cache: Path) -> Path:
    """A folder with links to the packages of Lambda's Python runtime, out of our environment.

    With it a function finds locally what it finds on AWS and nothing more: an import that the
    layer does not satisfy fails here too.
    """
    distributions = [importlib.metadata.distribution(name) for name in RUNTIME_DISTRIBUTIONS]
    sources = sorted(
        {
            Path(str(distribution.locate_file(file.parts[0])))
            for distribution in distributions
            for file in distribution.files or ()
            if file.parts[0] not in ("..", "__pycache__")
        }
    )
    digest = hashlib.sha256("\n".join(map(str, sources)).encode()).hexdigest()

    def link(directory: Path) -> None:
        for source in sources:
            (directory / source.name).symlink_to(source)

    return _create_once(cache / f"runtime-{digest[:32]}", link)


def _create_once(directory: Path, fill_directory: Callable[[Path], None]) -> Path:
    """Fill a folder under another name and move it into place, so that it is whole or absent."""
    if not directory.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", dir=directory.parent))
        try:
            fill_directory(unfinished)
            unfinished.rename(directory)
        except OSError:
            # Another start was quicker: its folder has the same content.
            if not directory.exists():
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return directory


# --- Queues ------------------------------------------------------------------------------------

MOST_LANES_AT_ONCE = 8
"""Workers of one function for as many lanes; each takes some 60 MB of this machine."""


def serve_lanes_side_by_side() -> None:
    """Hand out the batches of a FIFO queue one message group each, several groups at the same time.

    The emulator takes one batch at a time from a FIFO queue, whatever groups are in it, so one lane's long work stops
    every other lane. Lambda works on as many groups at once as it may, and SQS gives as many messages of one group as
    it can in one receive
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html).
    """

    def concurrency(esm: Properties, func_rec: Any, config: Any, queue: Any = None) -> int:
        if not (queue or {}).get("is_fifo"):
            return int(original_concurrency(esm, func_rec, config, queue))
        wanted = (esm.get("ScalingConfig") or {}).get("MaximumConcurrency") or MOST_LANES_AT_ONCE
        return min(int(wanted), MOST_LANES_AT_ONCE)

    def collect(queue: dict[str, Any], most: int, hidden_seconds: int, now: float) -> list[Any]:
        for message in queue["messages"]:
            sqs._ensure_msg_fields(message)
        taken = {m["group_id"] for m in queue["messages"] if m["visible_at"] > now and m["receive_count"] > 0}
        free = (m["group_id"] for m in queue["messages"] if m["visible_at"] <= now and m["group_id"] not in taken)
        group = next(free, None)
        lane = {**queue, "messages": [m for m in queue["messages"] if m["group_id"] == group]}
        found: list[Any] = original_collect(lane, most, hidden_seconds, now)
        return found

    original_concurrency = lambda_svc._sqs_esm_concurrency
    original_collect = sqs._collect_fifo
    lambda_svc._sqs_esm_concurrency = concurrency
    sqs._collect_fifo = collect


# --- HTTP API ----------------------------------------------------------------------------------

_METHODS = {"get", "head", "post", "put", "patch", "delete", "options"}


def import_http_api_bodies() -> None:
    """Import routes and integrations from the `Body` of an HTTP API, on creation and on update.

    SAM writes the routes of an `AWS::Serverless::HttpApi` into an OpenAPI document there, which
    the emulator ignores: every path would answer 404.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    original_create, original_update = handlers["create"], handlers["update"]
    imported: dict[str, tuple[set[str], set[str]]] = {}

    def create(logical_id: str, properties: Properties, stack_name: str) -> Any:
        api_id, attributes = original_create(logical_id, _with_cors_of_body(properties), stack_name)
        imported[api_id] = _import_body(api_id, properties)
        return api_id, attributes

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str) -> Any:
        api_id, attributes = original_update(physical_id, old, _with_cors_of_body(new), stack_name, logical_id)
        routes, integrations = imported.pop(physical_id, (set(), set()))
        imported[api_id] = _import_body(api_id, new)
        for route_id in routes:
            apigateway._routes.get(api_id, {}).pop(route_id, None)
        for integration_id in integrations:
            apigateway._integrations.get(api_id, {}).pop(integration_id, None)
        return api_id, attributes

    handlers["create"] = create
    handlers["update"] = update


def _with_cors_of_body(properties: Properties) -> Properties:
    body: Properties = properties.get("Body") or {}
    cors = body.get("x-amazon-apigateway-cors")
    return {**properties, "CorsConfiguration": cors} if cors else properties


def _import_body(api_id: str, properties: Properties) -> tuple[set[str], set[str]]:
    """Create what the document describes; the ids of the routes and of the integrations."""
    body: Properties = properties.get("Body") or {}
    routes, integrations = set(), set()
    for path, operations in body.get("paths", {}).items():
        for name, operation in operations.items():
            if name != "x-amazon-apigateway-any-method" and name not in _METHODS:
                continue
            key = _route_key(path, name)
            if operation.get("security"):
                raise ValueError(f"The authorizer of route {key} is not emulated")
            integration = operation["x-amazon-apigateway-integration"]
            if integration["type"].lower() != "aws_proxy":
                raise ValueError(f"The integration {integration['type']} of {key} is not emulated")
            if str(integration["payloadFormatVersion"]) != "2.0":
                raise ValueError(f"Only payload format 2.0 is emulated, not that of {key}")
            integration_id, _ = provisioners._apigw_v2_integration_create(
                key, {"ApiId": api_id, "IntegrationUri": integration["uri"]}, ""
            )
            route_id, _ = provisioners._apigw_v2_route_create(
                key,
                {"ApiId": api_id, "RouteKey": key, "Target": f"integrations/{integration_id}"},
                "",
            )
            integrations.add(integration_id)
            routes.add(route_id.rpartition("/")[2])
    return routes, integrations


def _route_key(path: str, operation: str) -> str:
    if path in ("$default", "/$default"):
        return "$default"
    method = "ANY" if operation == "x-amazon-apigateway-any-method" else operation.upper()
    return f"{method} {path}"


def complete_http_api_events() -> None:
    """Make events of payload format 2.0 whole, and failures opaque, as API Gateway does.

    The emulator leaves cookies among the headers, names a host of its own, and answers a failed
    function with 502 and the exception, where API Gateway says 500 and nothing more.
    """
    original = apigateway.run_reentrant

    async def run(function: Any, *arguments: Any, thread_name: str) -> Any:
        if thread_name != "ministack-apigw-invoke":
            return await original(function, *arguments, thread_name=thread_name)
        record, event = arguments
        _complete_event(event)
        result = await original(function, record, event, thread_name=thread_name)
        if result.get("error") and not result.get("throttle"):
            return {"body": _INTERNAL_SERVER_ERROR}
        return result

    apigateway.run_reentrant = run


_INTERNAL_SERVER_ERROR = {
    "statusCode": 500,
    "headers": {"content-type": "application/json"},
    "body": '{"message":"Internal Server Error"}',
}


def _complete_event(event: Properties) -> None:
    cookies: str = event["headers"].pop("cookie", "")
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";") if cookie.strip()]
    if event["pathParameters"] is None:
        del event["pathParameters"]
    viewer = REQUEST.get()
    if viewer is not None:
        event["requestContext"]["domainName"] = viewer.domain_name
        event["requestContext"]["http"]["sourceIp"] = viewer.source_ip


# --- Step Functions ------------------------------------------------------------------------------


def run_workflows_as_step_functions_does() -> None:
    """Let a failed question fail, a stopped run stay stopped, and JSONata count in every state.

    A function that fails while it should pass on a task token is ignored by the emulator: the state
    waits for an answer nobody was asked for. A step that fails after its execution was stopped
    turns the execution from aborted to failed. `Output` of a Succeed state, `Arguments`, `Output`
    and `Assign` of a Parallel state are ignored, and its branches share their variables.
    """
    original_branches = stepfunctions._run_parallel_branches
    original_sub_machine = stepfunctions._run_sub_machine
    original_wait = stepfunctions._invoke_with_callback
    original_call = stepfunctions._call_lambda
    original_output_path = stepfunctions._apply_output_path
    original_fail = stepfunctions._fail_execution
    awaited: ContextVar[str | None] = ContextVar("awaited", default=None)

    def wait(resource: str, arguments: Any, token: str, state: Properties) -> Any:
        previous = awaited.set(token)
        try:
            return original_wait(resource, arguments, token, state)
        finally:
            awaited.reset(previous)

    def call(function: Any, event: Any) -> Any:
        try:
            return original_call(function, event)
        except stepfunctions._ExecutionError as error:
            task = stepfunctions._task_tokens.get(awaited.get())
            if task is not None and not task["event"].is_set():
                task["error"] = {"Error": error.error, "Cause": error.cause}
                task["event"].set()
            raise

    def output_path(state: Properties, data: Any, context: Any = None) -> Any:
        language = stepfunctions._state_query_language(state, context)
        if state.get("Type") == "Succeed" and language == "JSONata":
            return stepfunctions._apply_jsonata_output(state, data, context, default=data)
        return original_output_path(state, data, context)

    def fail(execution: Properties, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            original_fail(execution, error, cause)

    def branches(state: Properties, data: Any, execution: Any, context: Any) -> Any:
        if stepfunctions._state_query_language(state, context) != "JSONata":
            return original_branches(state, data, execution, context)
        arguments = stepfunctions._apply_jsonata_arguments(state, data, context)
        bare = {"Type": "Parallel", "Branches": state["Branches"], "End": True}
        results, _ = original_branches(bare, arguments, execution, context)
        output = stepfunctions._apply_jsonata_output(state, data, context, result=results, default=results)
        stepfunctions._apply_state_assign(state, data, context, result=results)
        return output, stepfunctions._next_or_end(state)

    def sub_machine(states: Any, start: Any, data: Any, execution: Any, context: Any) -> Any:
        return original_sub_machine(states, start, data, execution, copy.deepcopy(context))

    stepfunctions._run_parallel_branches = branches
    stepfunctions._run_sub_machine = sub_machine
    stepfunctions._invoke_with_callback = wait
    stepfunctions._call_lambda = call
    stepfunctions._apply_output_path = output_path
    stepfunctions._fail_execution = fail


# --- DynamoDB ----------------------------------------------------------------------------------


def apply_table_settings() -> None:
    """Apply `TimeToLiveSpecification` and `SSESpecification` of a table, which are ignored."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    original_create, original_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Any:
        name, attributes = original_create(logical_id, properties, stack_name)
        _set_time_to_live(name, {}, properties)
        _set_encryption(name, properties)
        return name, attributes

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str) -> Any:
        # The emulator would hand the template's spelling on to UpdateTable, which has another.
        unencrypted = {key: value for key, value in new.items() if key != "SSESpecification"}
        name, attributes = original_update(
            physical_id,
            {key: value for key, value in old.items() if key != "SSESpecification"},
            unencrypted,
            stack_name,
            logical_id,
        )
        _set_time_to_live(name, old, new)
        _set_encryption(name, new)
        return name, attributes

    handlers["create"] = create
    handlers["update"] = update


DYNAMODB_USAGE = "dynamodb-usage"
_USAGE_BYTES = 1024
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


def meter_dynamodb(usage: Path) -> None:
    """Count DynamoDB's requests by operation, and the write units that AWS would charge for them.

    The emulator knows what a write costs, indexes and transactions included, and tells whoever asks; nobody does
    here. It does not charge for a write whose condition failed, which costs what the item that is there would.
    """
    original = dynamodb.handle_request
    counted: Properties = {"WriteUnits": 0.0}
    file = os.open(usage, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        asked: Properties = {}
        if operation in _WRITES:
            asked = json.loads(body)
            body = json.dumps({"ReturnConsumedCapacity": "TOTAL", **asked}).encode()
        answer = await original(method, path, headers, body, query)
        counted[operation] = counted.get(operation, 0) + 1
        if asked:
            counted["WriteUnits"] += _write_units(asked, json.loads(answer[2]))
        # Of one length, so that who reads it finds it whole.
        os.pwrite(file, json.dumps(counted).encode().ljust(_USAGE_BYTES), 0)
        return answer

    dynamodb.handle_request = handle_request


def _write_units(asked: Properties, answered: Properties) -> float:
    """Return what a write cost."""
    if str(answered.get("__type", "")).endswith("ConditionalCheckFailedException"):
        table = dynamodb._tables[asked["TableName"]]
        key = asked.get("Key") or asked["Item"]
        pk, sk = (dynamodb._extract_key_val(key[table[name]]) for name in ("pk_name", "sk_name"))
        size = dynamodb._item_size_bytes(table["items"].get(pk, {}).get(sk) or {})
        return float(max(1, -(-size // 1024)))
    consumed = answered.get("ConsumedCapacity") or []
    return float(sum(each["CapacityUnits"] for each in (consumed if isinstance(consumed, list) else [consumed])))


def _set_time_to_live(table: str, old: Properties, new: Properties) -> None:
    key = "TimeToLiveSpecification"
    if new.get(key) == old.get(key):
        return
    specification = new.get(key) or {**old[key], "Enabled": False}
    _check(
        dynamodb._update_ttl({"TableName": table, key: specification}),
        f"TimeToLiveSpecification of {table}",
    )


def _set_encryption(table: str, properties: Properties) -> None:
    specification: Properties = properties.get("SSESpecification") or {}
    if not specification.get("SSEEnabled"):
        return
    request = {key: value for key, value in specification.items() if key != "SSEEnabled"}
    _check(
        dynamodb._update_table({"TableName": table, "SSESpecification": {"Enabled": True, **request}}),
        f"SSESpecification of {table}",
    )


def _check(answer: tuple[int, Any, Any], what: str) -> None:
    status, _, body = answer
    if status >= 400:
        raise ValueError(f"{what} failed: {body!r}")


# --- CloudWatch and others ---------------------------------------------------------------------


def accept_alarms_on_metric_math() -> None:
    """Accept an alarm on `Metrics`, which otherwise fails the stack; it never changes its state."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
    inert = _inert("AlarmName", "arn:aws:cloudwatch:{region}:{account}:alarm:{name}")
    original_create, original_delete = handlers["create"], handlers["delete"]
    original_update = handlers["update"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Any:
        chosen = inert["create"] if properties.get("Metrics") else original_create
        return chosen(logical_id, properties, stack_name)

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, *more: Any) -> Any:
        if new.get("Metrics"):
            return physical_id, {"Arn": f"arn:aws:cloudwatch:::alarm:{physical_id}"}
        return original_update(physical_id, old, new, stack_name, *more)

    def delete(physical_id: str, properties: Properties) -> None:
        if not properties.get("Metrics"):
            original_delete(physical_id, properties)

    handlers.update(create=create, update=update, delete=delete)


def accept_resources_without_local_effect() -> None:
    """Accept types that the emulator refuses and that change nothing a user could see here."""
    provisioners._RESOURCE_HANDLERS.update(
        {
            "AWS::CloudWatch::CompositeAlarm": _inert(
                "AlarmName", "arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
            ),
            "AWS::Events::Archive": _inert("ArchiveName", "arn:aws:events:{region}:{account}:archive/{name}"),
        }
    )


def _inert(name_property: str, arn: str) -> dict[str, Any]:
    """Handlers of a resource that is accepted, named and otherwise ignored."""

    def create(logical_id: str, properties: Properties, stack_name: str) -> Any:
        name = properties.get(name_property) or f"{stack_name}-{logical_id}"
        value = arn.format(region=provisioners.get_region(), account=provisioners.get_account_id(), name=name)
        return name, {"Arn": value}

    def delete(physical_id: str, properties: Properties) -> None:
        """Nothing was created."""

    return {"create": create, "delete": delete}
