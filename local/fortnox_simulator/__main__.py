"""Run the simulated Fortnox as a process."""

from __future__ import annotations

import sys

from local.fortnox_simulator.application import FortnoxSimulator
from local.fortnox_simulator.options import read_options
from local.simulation import run_main

if __name__ == "__main__":
    run_main(FortnoxSimulator(read_options(sys.argv[1:])), sys.argv[1:])
