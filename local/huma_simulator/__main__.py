"""``python -m local.huma_simulator``: serves the simulated Huma on the loopback."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

from local.huma_simulator.clock import Clock
from local.huma_simulator.launch import ALGORITHMS
from local.huma_simulator.organization import Settings
from local.huma_simulator.people_file import PeopleFileError
from local.huma_simulator.simulator import HumaSimulator
from local.simulation import add_run_arguments, run_main


def build_simulator(arguments: list[str]) -> HumaSimulator:
    """The simulator that the command line asks for; exits with a sentence when it cannot be."""
    parser = add_run_arguments(argparse.ArgumentParser(prog="python -m local.huma_simulator"))
    parser.add_argument("--people", type=Path, help="JSON file of organizations and people")
    parser.add_argument("--integration-url", default="http://127.0.0.1:3000", help="address of the integration")
    parser.add_argument("--issuer", default="", help="iss of launch tokens; default: the own address")
    parser.add_argument("--key", choices=sorted(ALGORITHMS), default="es256", help="how launch tokens are signed")
    parser.add_argument("--null-clears", choices=("yes", "no"), default="yes", help="null in a PATCH removes a value")
    parser.add_argument("--today", type=date.fromisoformat, help="the date positions are measured against")
    parser.add_argument("--token-seconds", type=int, default=3600, help="how long an access token lives")
    options = parser.parse_args(arguments)
    people = None
    try:
        if options.people is not None:
            people = json.loads(options.people.read_text(encoding="utf-8"))
        return HumaSimulator(
            people,
            integration_url=options.integration_url,
            issuer=options.issuer,
            key=options.key,
            defaults=Settings(null_clears=options.null_clears == "yes"),
            clock=Clock(options.today),
            token_seconds=options.token_seconds,
        )
    except (OSError, json.JSONDecodeError, PeopleFileError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    run_main(build_simulator(sys.argv[1:]), sys.argv[1:])
