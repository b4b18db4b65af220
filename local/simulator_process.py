"""A simulator as a separate process, started and asked from Python (the demo, the tests)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType


class SimulatorProcess:
    """A simulator running as a process of its own, started and stopped from Python.

    ``with SimulatorProcess("local.fortnox_simulator", "--people", path) as fortnox: …`` or `start`
    and `stop`. Its standard error is this process's, unless `stderr` names a file.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        port: int = 0,
        stderr: Path | None = None,
        start_seconds: float = 20.0,
    ) -> None:
        self._module = module
        self._arguments = arguments
        self._port = port
        self._stderr = stderr
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[str] | None = None
        self._url: str | None = None
        # A proxy in the environment must not stand between the tests and the loopback.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def url(self) -> str:
        """Its address, without a trailing slash."""
        if self._url is None:
            raise RuntimeError(f"{self._module} has not been started")
        return self._url

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> SimulatorProcess:
        """Start it and wait until it listens; RuntimeError when it does not."""
        command = [sys.executable, "-m", self._module, "--port", str(self._port)]
        command += ["--parent-pid", str(os.getpid()), *self._arguments]
        stderr = self._stderr.open("a") if self._stderr else None
        try:
            self._process = subprocess.Popen(
                command,
                cwd=Path(__file__).resolve().parents[1],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        finally:
            if stderr:
                stderr.close()
        timer = threading.Timer(self._start_seconds, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        timer.cancel()
        if not line.startswith("READY "):
            self.stop()
            raise RuntimeError(f"{self._module} did not start")
        self._url = line.removeprefix("READY ").strip()
        return self

    def stop(self) -> None:
        """End it, by force when it does not end by itself."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None

    def __enter__(self) -> SimulatorProcess:
        """Start it."""
        return self.start()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    def requests(
        self, *, since: int | None = None, method: str | None = None, path: str | None = None
    ) -> list[dict[str, Any]]:
        """Give what was asked of it, oldest first."""
        filters = {"since": since, "method": method, "path": path}
        query = urllib.parse.urlencode({k: v for k, v in filters.items() if v is not None})
        entries: list[dict[str, Any]] = self.control("GET", f"/_sim/requests?{query}")["requests"]
        return entries

    def forget_requests(self) -> None:
        """Empty its request log."""
        self.control("DELETE", "/_sim/requests")

    def people(self) -> Any:
        """Give everybody as it holds them now."""
        return self.control("GET", "/_sim/people")

    def set_people(self, people: Any) -> None:
        """Replace everybody."""
        self.control("POST", "/_sim/people", people)

    def fault(self, kind: str, **fault: Any) -> None:
        """Switch a fault on; the arguments are those of `Fault`."""
        self.control("POST", "/_sim/faults", {"kind": kind, **fault})

    def faults(self) -> list[dict[str, Any]]:
        """Give the faults given so far, with how often each fired."""
        faults: list[dict[str, Any]] = self.control("GET", "/_sim/faults")["faults"]
        return faults

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.control("DELETE", "/_sim/faults")

    def control(self, method: str, path: str, data: Any = None) -> Any:
        """Send one request with JSON and give the JSON answered; ValueError for a refusal."""
        body = None if data is None else json.dumps(data).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ValueError(f"{method} {path}: {error.code} {error.read().decode()}") from None
