"""Start the local AWS emulator: loopback only, a clean environment, its gaps filled.

Runs inside the emulator's own virtual environment (`local/requirements.txt`), because the emulator
pins botocore exactly:

    .venv-emulator/bin/python -m local.emulator --state-dir .local/by-hand --cache-dir .local/cache/layers

Two ports are served: the *gateway* speaks the AWS APIs, and the *origin* is the deployed HTTP API
as if behind a custom domain (`local.origin`). Once both accept connections one line of JSON names
them on standard output: `{"gateway": 4566, "origin": 8080}`. Port 0, the default, takes a free one.

The process ends, together with every function it started, when standard input closes. Whoever
starts it therefore keeps a pipe to it: if that parent dies, however it dies, nothing is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path

MINISTACK_VERSION = "1.5.33"
"""The emulator release whose inner parts `local.gaps` was written against."""

LOOPBACK = "127.0.0.1"
ACCOUNT_ID = "000000000000"


def main() -> None:
    """Serve until standard input closes or SIGINT or SIGTERM arrives."""
    arguments = _parse_arguments()
    installed = importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        sys.exit(f"ministack {MINISTACK_VERSION} is needed, but {installed} is installed")

    state_dir: Path = arguments.state_dir.resolve()
    for name in ("tmp", "home", "logs"):
        (state_dir / name).mkdir(parents=True, exist_ok=True)
    gateway = _listen(arguments.port)
    origin = _listen(arguments.origin_port)
    gateway_port: int = gateway.getsockname()[1]
    origin_port: int = origin.getsockname()[1]

    environment = _environment(gateway_port, arguments.region, state_dir)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = environment["TMPDIR"]

    # The emulator reads its environment while it is imported, so that comes only now.
    from local import gaps

    gaps.fill(logs=state_dir / "logs", cache=arguments.cache_dir.resolve())
    _end_with_standard_input()
    print(json.dumps({"gateway": gateway_port, "origin": origin_port}), flush=True)
    os.dup2(2, 1)  # nobody reads on: whatever else is printed belongs to the log
    asyncio.run(_serve(gateway, origin))
    _end_process_group()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The local AWS emulator, on loopback only.")
    parser.add_argument("--port", type=int, default=0, help="port of the AWS APIs")
    parser.add_argument("--origin-port", type=int, default=0, help="port of the HTTP API")
    parser.add_argument("--region", default="eu-north-1")
    parser.add_argument("--state-dir", type=Path, required=True, help="logs and temporary files")
    parser.add_argument("--cache-dir", type=Path, required=True, help="unpacked layers, kept between starts")
    return parser.parse_args()


def _environment(gateway_port: int, region: str, state_dir: Path) -> dict[str, str]:
    """The whole environment of the emulator, and so of every function it runs.

    Nothing is inherited: no credentials, no profile, no proxy. Every AWS client that does not say
    otherwise reaches the emulator with a key that is worth nothing elsewhere.
    """
    endpoint = f"http://{LOOPBACK}:{gateway_port}"
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "TZ": "UTC",  # as on Lambda
        "HOME": str(state_dir / "home"),
        "TMPDIR": str(state_dir / "tmp"),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": "localhost",
        "GATEWAY_PORT": str(gateway_port),
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "LOG_LEVEL": "WARNING",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # It sweeps containers of its own away at start and stop; there are none, and a daemon on
        # this machine is none of its business.
        "DOCKER_HOST": f"unix://{state_dir / 'no-docker.sock'}",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _listen(port: int) -> socket.socket:
    """A listening socket on loopback; taken before anything is told its number."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        sys.exit(f"port {port} on {LOOPBACK} cannot be used: {error.strerror}")
    listener.listen(100)
    return listener


async def _serve(gateway: socket.socket, origin: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app as gateway_app

    from local.origin import app as origin_app

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)

    def configuration(listener: socket.socket) -> Config:
        config = Config()
        config.bind = [f"fd://{listener.fileno()}"]
        config.keep_alive_timeout = 75
        config.graceful_timeout = 0.2
        config.loglevel = "WARNING"
        return config

    await asyncio.gather(
        serve(gateway_app, configuration(gateway), shutdown_trigger=stopped.wait),
        serve(origin_app, configuration(origin), shutdown_trigger=stopped.wait),
    )


def _end_with_standard_input() -> None:
    def wait() -> None:
        while os.read(0, 1024):
            pass
        _end_process_group()

    threading.Thread(target=wait, name="end-with-standard-input", daemon=True).start()


def _end_process_group() -> None:
    """End this process and every function it started, at once.

    All of them hold their state in memory, so there is nothing to wait for. A process that does
    not lead its group was started by hand from a shell and leaves the others of the group alone.
    """
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
