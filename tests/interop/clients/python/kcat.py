"""The driver (see README.md) for kcat; it makes no topics."""

import ctypes
import re
import signal
import subprocess
import sys
import threading

import common


def produce(topic, codec, first, end):
    lines = b"".join(common.key(i) + b":" + common.value(i) + b"\n" for i in range(first, end))
    subprocess.run(["kcat", "-b", common.BOOTSTRAP, "-P", "-t", topic, "-K:", "-z", codec, "-X", "acks=all", "-X",
                    "enable.idempotence=true"], input=lines, check=True)


def _tell_assignments(stream):
    """kcat says `% Group g rebalanced (memberid …): assigned: topic [0], topic [1]` on its standard error."""
    for line in stream:
        print(line, end="", file=sys.stderr)
        match = re.search(r"rebalanced .*: assigned:(.*)", line)
        if match:
            common.say("assigned", ",".join(re.findall(r"\[(\d+)\]", match.group(1))))


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: who kills the driver means kcat


def member(topic, group):
    # Whole lines in one write each: what is said of assignments goes to the same pipe (kcat -u writes lines in pieces).
    process = subprocess.Popen(
        ["stdbuf", "-oL", "kcat", "-b", common.BOOTSTRAP, "-G", group, "-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=3000", "-X",
         "heartbeat.interval.ms=200", "-X", "topic.metadata.refresh.interval.ms=1000", "-f", "record %p %o %k %s\n", topic],
        stderr=subprocess.PIPE, text=True, preexec_fn=_die_with_parent)
    threading.Thread(target=_tell_assignments, args=[process.stderr], daemon=True).start()
    sys.stdin.read()
    process.send_signal(signal.SIGTERM)
    process.wait()


def _absent(*_):
    sys.exit("kcat makes no topics")


common.main(_absent, _absent, produce, member)
