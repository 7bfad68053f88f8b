"""The operator's client of a cluster (lib/kafka/client/admin.h) against the broker, as tests/topics/live_test.cc has it."""

import os

from harness import packages
from harness.process import Failure
from harness.process import run as run_program


def run(session):
    session.run("admin_client/live", lambda: live(session))


def live(session):
    program = packages.ROOT / "build/bin/kafka_admin_live_test"
    if not os.access(program, os.X_OK):
        raise Failure(f"{program} is not there: build it first")
    environment = {**os.environ, "DOHLE_TEST_BOOTSTRAP": session.broker.bootstrap}
    run_program([str(program)], env=environment)
