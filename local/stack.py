"""The real template on the local emulator, as a Python object.

    with Stack.start({"HumaApiUrl": "http://127.0.0.1:8001"}) as stack:
        print(stack.api_url, stack.outputs, stack.mails())

Where a parameter needs an address of the stack itself, launch and deploy are two steps:

    with Stack.launch(port=8080) as stack:
        stack.deploy({"PublicUrl": stack.api_url})

Everything is bound to loopback, keeps its files under `.local/` and ends with the process that
started it, also when that process is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from local.build import BUCKET, TEMPLATE_KEY, build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

PROJECT = Path(__file__).resolve().parent.parent
LOCAL = PROJECT / ".local"
EMULATOR_PYTHON = PROJECT / ".venv-emulator" / "bin" / "python"

REGION = "eu-north-1"
ACCOUNT_ID = "000000000000"
STACK_NAME = "huma-fortnox-local"

START_TIMEOUT = 60.0
DEPLOY_TIMEOUT = 120.0
KEPT_RUNS = 5
ENDPOINT = "endpoint"
"""The file in a run's folder that tells where its emulator listens."""


_NOTHING_OF_THE_HOST = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's variables that would read a developer's profile and settings, without a source."""


class StackError(Exception):
    """The emulator did not start, or the template could not be deployed; the message says why."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail the product sent through SES, as its reader would get it."""

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str


class Stack:
    """A running emulator and the stack deployed to it."""

    def __init__(self, process: subprocess.Popen[bytes], run: _Run, ports: dict[str, int]) -> None:
        self._process = process
        self._run = run
        self._created = False
        self._mails_seen = 0
        self._clients: dict[str, Any] = {}
        self.endpoint_url = f"http://127.0.0.1:{ports['gateway']}"
        """Where every AWS API is served."""
        self.api_url = f"http://127.0.0.1:{ports['origin']}"
        """The origin of the deployed HTTP API, as a browser uses it; no trailing slash."""
        self.outputs: dict[str, str] = {}
        """The outputs of the template, once it is deployed."""

    @classmethod
    def start(
        cls,
        parameters: Mapping[str, str],
        *,
        template: Path = PROJECT / "template.yaml",
        port: int | None = None,
    ) -> Self:
        """Launch the emulator and deploy the template to it.

        Raises StackError, or BuildError when `sam build` fails.
        """
        stack = cls.launch(port=port)
        try:
            stack.deploy(parameters, template=template)
        except BaseException:
            stack.stop()
            raise
        return stack

    @classmethod
    def launch(cls, *, port: int | None = None) -> Self:
        """Start the emulator with nothing deployed; `port` is that of `api_url`, if it matters.

        Raises StackError.
        """
        if not EMULATOR_PYTHON.exists():
            raise StackError(f"The emulator is not installed: {EMULATOR_PYTHON} does not exist")
        run = _Run.begin()
        command = [
            *(str(EMULATOR_PYTHON), "-E", "-s", "-m", "local.emulator"),
            *("--origin-port", str(port or 0)),
            *("--region", REGION),
            *("--state-dir", str(run.folder)),
            *("--cache-dir", str(LOCAL / "cache" / "layers")),
        ]
        with run.log.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={"PATH": os.defpath},
                stdin=subprocess.PIPE,  # never written to: the emulator ends when it closes
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            assert process.stdout is not None
            ports = json.loads(process.stdout.readline() or b"{}")
            if not ports:
                process.wait()
                raise StackError(f"The emulator did not start: {run.log.read_text().strip()}")
            stack = cls(process, run, ports)
            (run.folder / ENDPOINT).write_text(stack.endpoint_url)
            stack._get("/_ministack/health", timeout=START_TIMEOUT)
        except BaseException:
            _end_process_group(process)
            run.end()
            raise
        return stack

    def deploy(self, parameters: Mapping[str, str], *, template: Path = PROJECT / "template.yaml") -> None:
        """Build the template if its content is new, then create the stack, or update it.

        Raises StackError with the events that explain it, or BuildError.
        """
        artifacts = build(template, cache=LOCAL / "cache", emulator_python=EMULATOR_PYTHON)
        s3, cloudformation = self.client("s3"), self.client("cloudformation")
        if self._created:
            operation = cloudformation.update_stack
        else:
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
            operation = cloudformation.create_stack
        for path in artifacts.artifacts():
            s3.put_object(Bucket=BUCKET, Key=path.name, Body=path.read_bytes())
        self._created = True
        try:
            operation(
                StackName=STACK_NAME,
                TemplateURL=f"{self.endpoint_url}/{BUCKET}/{TEMPLATE_KEY}",
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        except ClientError as error:
            message = error.response["Error"]["Message"]
            if message != "No updates are to be performed.":
                raise StackError(f"The template cannot be deployed: {message}") from error
        self._await_deployment()

    def _await_deployment(self) -> None:
        cloudformation = self.client("cloudformation")
        deadline = time.monotonic() + DEPLOY_TIMEOUT
        status = "CREATE_IN_PROGRESS"
        while status.endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise StackError(f"The deployment is not done after {DEPLOY_TIMEOUT:.0f} s")
            time.sleep(0.05)
            stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
            status = stack["StackStatus"]
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise StackError(f"The deployment failed ({status}):\n{self._failures()}")
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}

    def _failures(self) -> str:
        events = self.client("cloudformation").describe_stack_events(StackName=STACK_NAME)
        return "\n".join(
            f"  {event['LogicalResourceId']} ({event['ResourceType']}): "
            f"{event.get('ResourceStatusReason', event['ResourceStatus'])}"
            for event in reversed(events["StackEvents"])
            if event["ResourceStatus"].endswith("_FAILED")
        )

    def client(self, service: str) -> Any:
        """A boto3 client of the service on the emulator, with credentials worth nothing elsewhere.

        Not typed, because its type depends on the name of the service.
        """
        if service not in self._clients:
            session = boto3.Session(
                botocore_session=botocore.session.Session(session_vars=_NOTHING_OF_THE_HOST),
                aws_access_key_id=ACCOUNT_ID,
                aws_secret_access_key="local",
                region_name=REGION,
            )
            self._clients[service] = session.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.endpoint_url,
                # No proxy of this machine can reach its loopback.
                config=Config(proxies={}, s3={"addressing_style": "path"}),
            )
        return self._clients[service]

    def mails(self) -> list[Mail]:
        """The mails sent since the start or the last `reset_mails`, oldest first."""
        return self._all_mails()[self._mails_seen :]

    def reset_mails(self) -> None:
        """Forget the mails sent so far."""
        self._mails_seen = len(self._all_mails())

    def _all_mails(self) -> list[Mail]:
        accounts = json.loads(self._get("/_ministack/ses/messages"))["messages"]
        return [
            Mail(
                sender=message["Source"],
                to=tuple(message["To"]),
                subject=message["Subject"],
                text=message["BodyText"] or "",
                html=message["BodyHtml"] or "",
            )
            for message in accounts.get(ACCOUNT_ID, [])
        ]

    def logs(self, function: str) -> list[str]:
        """What a function has printed, one line an item; named as in the template or by its name."""
        cloudformation = self.client("cloudformation")
        try:
            resource = cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=function)
            function = resource["StackResourceDetail"]["PhysicalResourceId"]
        except ClientError:
            pass
        path = self._run.folder / "logs" / f"{function}.log"
        return path.read_text().splitlines() if path.exists() else []

    def dynamodb_usage(self) -> dict[str, float]:
        """How often each operation of DynamoDB was called since the start, and the `WriteUnits` AWS would charge."""
        text = (self._run.folder / "logs" / "dynamodb-usage").read_text()
        usage: dict[str, float] = json.loads(text) if text else {"WriteUnits": 0.0}
        return usage

    def function_seconds(self, function: str) -> float:
        """How many seconds of processor time the running environments of a function have taken so far."""
        ticks = 0
        for process in self._environments(function):
            with contextlib.suppress(OSError):
                # After the name, which may hold anything: state is the first, user and system time 12th and 13th.
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill(self, function: str) -> int:
        """End all running environments of a function at once, whatever they are at; return how many there were."""
        processes = self._environments(function)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)
        return len(processes)

    def _environments(self, function: str) -> list[Path]:
        """The processes of a function on this emulator, as folders of Linux's /proc."""
        named, found = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode(), []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getsid(int(process.name)) != self._process.pid:
                    continue
                if named in (process / "environ").read_bytes().split(b"\0"):
                    found.append(process)
        return found

    def _get(self, path: str, *, timeout: float = 10.0) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.endpoint_url}{path}", timeout=timeout) as response:
            body: bytes = response.read()
            return body

    def stop(self) -> None:
        """End the emulator and every function it runs; safe to call twice."""
        while self._clients:
            self._clients.popitem()[1].close()
        _end_process_group(self._process)
        self._run.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def running_endpoint() -> str | None:
    """Return where the emulator listens that was started last and runs still, or ``None``."""
    for folder in sorted((LOCAL / "runs").glob("*"), reverse=True):
        try:
            lock = os.open(folder / "lock", os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if (folder / ENDPOINT).exists():
                return (folder / ENDPOINT).read_text()
        finally:
            os.close(lock)
    return None


def _end_process_group(process: subprocess.Popen[bytes]) -> None:
    """The emulator leads a session of its own, so this reaches its functions and nothing else."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


class _Run:
    """The folder of one run of the emulator, locked as long as it is in use."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.log = folder / "emulator.log"
        self._lock: int | None = lock

    @classmethod
    def begin(cls) -> Self:
        runs = LOCAL / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        _remove_old_runs(runs)
        folder = runs / f"{time.time_ns()}-{os.getpid()}"
        folder.mkdir()
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return cls(folder, lock)

    def end(self) -> None:
        """Give the folder free; the logs stay until some later run removes them."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            shutil.rmtree(self.folder / "tmp", ignore_errors=True)


def _remove_old_runs(runs: Path) -> None:
    """Remove all runs but the newest few, except those another process still uses."""
    for folder in sorted(runs.iterdir())[:-KEPT_RUNS]:
        try:
            lock = os.open(folder / "lock", os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
