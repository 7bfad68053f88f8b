"""The Java scenarios (tests/interop/java): one JVM for each version of kafka-clients."""

import pathlib
import re

from harness import packages
from harness.process import Child, Failure
from harness.scenario import check

from . import apache_only

SOURCES = pathlib.Path(__file__).resolve().parents[1] / "java"
VERSIONS = [("java39", packages.OLD_CLIENTS_VERSION, "v3"), ("java43", packages.KAFKA_VERSION, "v4")]
QUIET = ["-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]


def classes(version, folder):
    """The class path of the compiled scenarios and their client."""
    jars = f"{packages.java_clients(version)}/*"
    sources = [*(SOURCES / "common").glob("*.java"), *(SOURCES / folder).glob("*.java")]
    return f"{packages.javac(f'interop-{folder}', jars, sources)}:{jars}"


def _names(folder):
    """The names that the sources register, to know before a JVM starts whether one is wanted."""
    text = "".join(p.read_text() for p in [*(SOURCES / "common").glob("*.java"), *(SOURCES / folder).glob("*.java")])
    return re.findall(r'add(?:Alone)?\("([^"]+)"', text)


def _answer(child, broker, line):
    verb = line.split("\t")[1]
    if verb == "restart":
        broker.restart()
    elif verb == "kill":
        broker.kill_and_restart()
    else:
        raise Failure(f"unknown request {verb!r}")
    child.send("done")


def _run_version(session, label, version, folder):
    wanted = [n for n in _names(folder) if session.wanted(f"{label}/{n}")]
    if not wanted:
        return
    skipped = {n: apache_only.reason(session.kind, n) for n in wanted}
    skipped = {n: why for n, why in skipped.items() if why}
    for name, why in skipped.items():
        session.report.skip(f"{label}/{name}", why)
    parts = []
    if session.parts:
        parts = [p[len(label) + 1:] if p.startswith(label + "/") else p for p in session.parts]
        if any(p in label or p == "" for p in parts):
            parts = []
    broker = session.broker
    child = Child(["java", *QUIET, "-cp", classes(version, folder), "Interop", broker.bootstrap, version, *(f"-{n}" for n in skipped), *parts],
                  session.directory / f"{label}.log")
    deaths = 0

    def revive():
        """A broker that dies by itself fails the run, but the other scenarios still get one to talk with."""
        nonlocal deaths
        if broker.alive():
            return
        deaths += 1
        session.report.result(f"{label}/the_broker_lives", f"it ended with code {broker.process.returncode}\n{broker.log_tail()}", 0)
        check(deaths < 4, "the broker dies again and again")
        broker.start()

    try:
        while (line := child.next_line(240, revive)) is not None:
            revive()
            if line.startswith("CONTROL\t"):
                _answer(child, broker, line)
            elif line.startswith("RESULT\t"):
                _, verdict, name, millis, message = (line.split("\t") + [""])[:5]
                session.report.result(f"{label}/{name}", None if verdict == "ok" else message.replace("\x01", "\n"), int(millis) / 1000)
        code = child.finish()
        check(code == 0, f"the JVM ended with code {code}\n{child.log_tail()}")
    finally:
        child.kill()


def run(session):
    for label, version, folder in VERSIONS:
        try:
            _run_version(session, label, version, folder)
        except Failure as failure:
            session.report.result(f"{label}/the_jvm_runs_to_its_end", failure, 0)
