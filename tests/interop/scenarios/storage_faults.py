"""Disks that fail, fill up or turn read-only, and corrupt files, as a client and an operator see them: the error on the wire, the line in
the log, the metric; and that the rest goes on. The disk is broken by faults/failing_disk.c, so that it works for every user and file system."""

import pathlib
import re
import socket
import struct

from harness import packages
from harness.process import run as run_program
from harness.scenario import check, contains, equal, eventually

from .metrics import Admin

DISK_ERROR = "Disk error"  # librdkafka's text for KAFKA_STORAGE_ERROR
CORRUPT_MESSAGE, STORAGE_ERROR, NOT_LEADER = 2, 56, 6
APACHE_STOPS = "Apache Kafka shuts down when its only log directory refuses a write, and doesn't start with one that is read-only"


class Disk:
    """The disk of one broker."""

    def __init__(self, session, broker):
        library = session.directory / "failing_disk.so"
        if not library.exists():
            source = pathlib.Path(__file__).parents[1] / "faults/failing_disk.c"
            run_program(["gcc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"])
        self._control = broker.directory / "failing"
        broker.environment = {"LD_PRELOAD": str(library), "FAILING_DISK": str(self._control)}

    def fails(self, how, directory):
        fresh = self._control.with_suffix(".new")
        fresh.write_text(f"{how} {directory}\n")
        fresh.rename(self._control)

    def is_well(self):
        self._control.unlink()


def kcat(broker, *args, stdin=None, must=True):
    code, out, err = run_program([packages.command("kcat", "kcat"), "-b", broker.bootstrap, *args], stdin=stdin, check=must)
    return code, out, err


def create(broker, topic, partitions, *configs):
    argv = ["java", "-cp", f"{packages.kafka_jars()}/*", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "org.apache.kafka.tools.TopicCommand",
            "--bootstrap-server", broker.bootstrap, "--create", "--topic", topic, "--partitions", partitions]
    for config in configs:
        argv += ["--config", config]
    run_program(argv)


def produce(broker, topic, partition, values, must=True):
    """One batch a value, each tried once. What went wrong, as text."""
    lines = "".join(f"{value}\n" for value in values)
    return kcat(broker, "-P", "-t", topic, "-p", partition, "-X", "acks=all", "-X", "retries=0", "-X", "message.timeout.ms=8000",
                "-X", "batch.num.messages=1", stdin=lines, must=must)[2]


def consume(broker, topic, partition, offset="beginning"):
    out = kcat(broker, "-C", "-t", topic, "-p", partition, "-o", offset, "-e", "-q", "-X", "check.crcs=true", "-f", "%s\n")[1]
    return out.splitlines()


def fetch_error(broker, topic, partition, offset):
    """The partition's error in the answer to a Fetch v4."""
    name = topic.encode()
    body = struct.pack(">iiiib", -1, 100, 0, 1 << 20, 0) + struct.pack(">ih", 1, len(name)) + name
    body += struct.pack(">iiqi", 1, partition, offset, 1 << 20)
    request = struct.pack(">hhih", 1, 4, 7, -1) + body
    with socket.create_connection(("localhost", broker.port), timeout=20) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))[0]
        answer = connection.recv(size, socket.MSG_WAITALL)
    # correlation, throttle, topics, name, partitions, index
    at = 4 + 4 + 4 + 2 + len(name) + 4 + 4
    return struct.unpack(">h", answer[at:at + 2])[0]


def values(first, end):
    return [f"value {i} " + "x" * 400 for i in range(first, end)]


def large(first, end):
    """Of which fifty fill a segment: Kafka allows none of less than a mebibyte."""
    return [f"value {i} " + "x" * 20_000 for i in range(first, end)]


def segments(directory):
    return sorted(directory.glob("*.log"))


def new_broker(session, name, directories=1, **overrides):
    broker = session.new_broker("storage-" + name, **overrides)
    broker.all_data = [broker.data, *(broker.directory / f"data{i}" for i in range(2, directories + 1))]
    broker.overrides["log.dirs"] = ",".join(str(d) for d in broker.all_data)
    return broker


def lines_with(broker, *parts):
    return [line for line in broker.log_path.read_text(errors="replace").splitlines() if all(part in line for part in parts)]


# ---- one directory that refuses writes for a while

def refused_for_a_while(session, how, advice):
    broker = new_broker(session, how.lower())
    disk = Disk(session, broker)
    broker.start()
    create(broker, "t", 1)
    produce(broker, "t", 0, values(0, 20))
    disk.fails(how, broker.data)
    for _ in range(3):
        contains(produce(broker, "t", 0, values(900, 930), must=False), DISK_ERROR, f"a producer under {how}")
    equal(values(0, 20), consume(broker, "t", 0), "what is stored is served")
    told = lines_with(broker, "t-0", advice)
    check(1 <= len(told) <= 3, f"{len(told)} lines of 90 refusals say {advice!r}\n{broker.log_tail()}")
    check(Admin(broker).scrape().get("dohle_storage_errors_total") >= 3, "dohle_storage_errors_total")
    disk.is_well()
    eventually(lambda: not produce(broker, "t", 0, values(20, 21), must=False), "the disk is used again without a restart")
    eventually(lambda: _created(broker, "again"), "topics can be created again")
    produce(broker, "again", 0, values(0, 5))
    produce(broker, "t", 0, values(21, 40))
    equal(values(0, 40), consume(broker, "t", 0), "all that was acknowledged, in order, and nothing else")
    broker.restart()
    equal(values(0, 40), consume(broker, "t", 0), "after a restart")
    broker.stop()


def _created(broker, topic):
    """Tried again by eventually(): a Failure is a no."""
    create(broker, topic, 1)
    return True


# ---- one of two directories

def spread_over_two(session, name):
    """A broker with records 0…9 in each of four partitions, two in each directory."""
    broker = new_broker(session, name, directories=2)
    disk = Disk(session, broker)
    broker.start()
    create(broker, "t", 4)
    for p in range(4):
        produce(broker, "t", p, values(0, 10))
    where = {p: d for d in broker.all_data for p in range(4) if (d / f"t-{p}").is_dir()}
    equal([0, 1, 2, 3], sorted(where), "partitions on the disk")
    good = [p for p in where if where[p] == broker.all_data[0]]
    bad = [p for p in where if where[p] == broker.all_data[1]]
    check(len(good) == len(bad) == 2, f"the partitions are spread: {where}")
    return broker, disk, good, bad


def check_offline(session, broker, good, bad):
    failed = str(broker.all_data[1])
    for p in good:
        produce(broker, "t", p, values(10, 15))
        equal(values(0, 15), consume(broker, "t", p), f"partition {p} of the other directory")
    for p in bad:
        check(fetch_error(broker, "t", p, 0) in (STORAGE_ERROR, NOT_LEADER), f"a fetch from partition {p}: {fetch_error(broker, 't', p, 0)}")
    # The controller was told: nobody leads what lies there.
    eventually(lambda: all(re.search(rf"partition {p}, leader -1,", kcat(broker, "-L", "-t", "t")[1]) for p in bad), "partitions without leader")
    check(all(re.search(rf"partition {p}, leader 1,", kcat(broker, "-L", "-t", "t")[1]) for p in good), "the others keep theirs")
    if session.kind == "dohle":
        scrape = Admin(broker).scrape()
        equal(1.0, scrape.get("kafka_log_logmanager_offlinelogdirectorycount"), "offlinelogdirectorycount")
        equal(1.0, scrape.get("kafka_log_logmanager_logdirectoryoffline", logDirectory=failed), "logdirectoryoffline of the failed one")
        equal(0.0, scrape.get("kafka_log_logmanager_logdirectoryoffline", logDirectory=str(broker.all_data[0])), "logdirectoryoffline of the other")
        contains("\n".join(lines_with(broker, failed, "offline")), "restart the broker", "the log says what to do")


def check_all_back(broker, good, bad):
    for p in good:
        equal(values(0, 15), consume(broker, "t", p), f"partition {p} after the repair")
    for p in bad:
        equal(values(0, 10), consume(broker, "t", p), f"partition {p} after the repair")
        produce(broker, "t", p, values(10, 12))
        equal(values(0, 12), consume(broker, "t", p), f"partition {p} takes records again")
    broker.stop()


def one_of_two_fails(session):
    broker, disk, good, bad = spread_over_two(session, "fails")
    disk.fails("EIO", broker.all_data[1])
    contains(produce(broker, "t", bad[0], values(900, 901), must=False), "Broker:", "a producer to the failed directory")
    check_offline(session, broker, good, bad)
    broker.kill()
    disk.is_well()
    broker.start()
    check_all_back(broker, good, bad)


def one_of_two_is_not_usable_at_start(session, how):
    broker, disk, good, bad = spread_over_two(session, "start-" + how.lower())
    broker.stop()
    disk.fails(how, broker.all_data[1])
    broker.start()
    check_offline(session, broker, good, bad)
    check(not any((broker.all_data[0] / f"t-{p}").exists() for p in bad), "an empty log in place of one that can't be reached")
    broker.stop()
    disk.is_well()
    broker.start()
    check_all_back(broker, good, bad)


def only_one_read_only_at_start(session):
    broker = new_broker(session, "only-erofs")
    disk = Disk(session, broker)
    broker.start()
    create(broker, "t", 1)
    produce(broker, "t", 0, values(0, 10))
    broker.stop()
    disk.fails("EROFS", broker.data)
    try:
        broker.start(timeout_s=20)
    except Exception as refusal:  # a Failure that carries the end of the log
        contains(str(refusal), "ended with code", "the broker gives up")
        contains(str(refusal), "read-only", "and says why")
    else:
        check(False, "a broker runs on a read-only log directory")
    disk.is_well()
    broker.start()
    equal(values(0, 10), consume(broker, "t", 0), "after the repair")
    broker.stop()


# ---- corrupt and missing files

def with_segments(session, name):
    """A broker that was killed, with a partition of several segments."""
    broker = new_broker(session, name)
    broker.start()
    create(broker, "t", 2, "segment.bytes=1048576", "index.interval.bytes=1000")
    produce(broker, "t", 0, large(0, 200))
    produce(broker, "t", 1, large(0, 10))
    check(len(segments(broker.data / "t-0")) > 3, "segments")
    return broker


def flip(path, at, count=4):
    with open(path, "r+b") as file:
        file.seek(at)
        old = file.read(count)
        file.seek(at)
        file.write(bytes(byte ^ 0xFF for byte in old))


def corrupt_closed_segment(session):
    broker = with_segments(session, "closed")
    broker.stop()
    first, second = segments(broker.data / "t-0")[:2]
    flip(first, 8)  # the length of its first batch
    broker.start()
    next_offset = int(second.stem)
    error = eventually(lambda: (fetch_error(broker, "t", 0, 0),) if fetch_error(broker, "t", 0, 0) != NOT_LEADER else None, "a leader")[0]
    equal(CORRUPT_MESSAGE, error, "a fetch of what is corrupt")
    equal(large(next_offset, 200), consume(broker, "t", 0, next_offset), "what lies behind it")
    equal(large(0, 10), consume(broker, "t", 1), "another partition")
    produce(broker, "t", 0, large(200, 210))
    equal(large(next_offset, 210), consume(broker, "t", 0, next_offset), "records produced since")
    if session.kind == "dohle":
        contains("\n".join(lines_with(broker, "t-0", "fetch fails")), first.name[:20], "the log names the segment")
        equal(0.0, Admin(broker).scrape().get("kafka_log_logmanager_offlinelogdirectorycount"), "no directory is offline for that")
    broker.stop()


def corrupt_unflushed_tail(session):
    broker = with_segments(session, "tail")
    broker.kill()
    active = segments(broker.data / "t-0")[-1]
    base = int(active.stem)
    batch = struct.unpack(">i", active.read_bytes()[8:12])[0] + 12
    flip(active, 2 * batch + 100)  # in the records of its third batch
    broker.start()
    equal(large(0, base + 2), consume(broker, "t", 0), "up to the corrupt batch")
    equal(large(0, 10), consume(broker, "t", 1), "another partition")
    produce(broker, "t", 0, large(base + 2, base + 12))
    equal(large(0, base + 12), consume(broker, "t", 0), "records produced since")
    broker.restart()
    equal(large(0, base + 12), consume(broker, "t", 0), "after another start")
    if session.kind == "dohle":
        check(lines_with(broker, active.name, "is not whole, cutting"), "the log says what was cut off")
    broker.stop()


def lost_and_corrupt_indexes(session, clean):
    broker = with_segments(session, "indexes-clean" if clean else "indexes-killed")
    if clean:
        broker.stop()
    else:
        broker.kill()
    logs = segments(broker.data / "t-0")
    logs[0].with_suffix(".index").unlink()
    logs[1].with_suffix(".timeindex").unlink()
    flip(logs[2].with_suffix(".index"), 0, 64)
    flip(logs[-1].with_suffix(".index"), 0, 16)
    logs[-1].with_suffix(".timeindex").unlink()
    broker.start()
    equal(large(0, 200), consume(broker, "t", 0), "every record from the beginning")
    for offset in (3, int(logs[1].stem) + 5, int(logs[2].stem) + 7, int(logs[2].stem) + 30, 199):
        equal(large(offset, 200), consume(broker, "t", 0, offset), f"records from {offset} on")
    produce(broker, "t", 0, large(200, 210))
    equal(large(0, 210), consume(broker, "t", 0), "records produced since")
    broker.stop()


def run(session):
    for name, body in (("full_disk_gets_room", lambda: refused_for_a_while(session, "ENOSPC", "free space")),
                       ("read_only_for_a_while", lambda: refused_for_a_while(session, "EROFS", "read-only")),
                       ("one_of_two_directories_read_only_at_start", lambda: one_of_two_is_not_usable_at_start(session, "EROFS"))):
        if session.kind == "dohle":
            session.run(f"storage/{name}", body)
        elif session.wanted(f"storage/{name}"):
            session.report.skip(f"storage/{name}", APACHE_STOPS)
    session.run("storage/one_of_two_directories_fails", lambda: one_of_two_fails(session))
    session.run("storage/one_of_two_directories_fails_at_start", lambda: one_of_two_is_not_usable_at_start(session, "EIO"))
    session.run("storage/read_only_at_start", lambda: only_one_read_only_at_start(session))
    session.run("storage/corrupt_closed_segment", lambda: corrupt_closed_segment(session))
    session.run("storage/corrupt_unflushed_tail", lambda: corrupt_unflushed_tail(session))
    session.run("storage/lost_and_corrupt_indexes_after_a_clean_stop", lambda: lost_and_corrupt_indexes(session, True))
    session.run("storage/lost_and_corrupt_indexes_after_a_kill", lambda: lost_and_corrupt_indexes(session, False))
