#!/usr/bin/env python3
"""Histories and logs with each fault that the checkers are for: they find it, and only then."""

import pathlib
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import history, log_files  # noqa: E402
from harness.process import Failure  # noqa: E402

GOOD = """acked 0 0 p-0 10 20
read 0 0 p-0
committed 0 1
acked 0 1 p-2 20 40
acked 1 0 p-1 15 900040
read 1 0 p-1
read 0 1 p-2
committed 0 2
refused p-3 timed out
drained 4
ended"""
LOGS = {0: [(0, "p-0"), (1, "p-2")], 1: [(0, "p-1")]}


class _Ended:
    def __init__(self, text):
        self.lines = text.splitlines()


def stream(text, idempotent=True):
    found = history.Stream.__new__(history.Stream)
    found.name, found.topic, found.partitions, found.group, found.idempotent = "p", "t", 2, "g", idempotent
    found.child = _Ended(text)
    return found


class HistoryTest(unittest.TestCase):
    def fails(self, why, text=GOOD, logs=None, **options):
        with self.assertRaisesRegex(Failure, why):
            history.check_history([stream(text, **options)], logs or LOGS)

    def test_good(self):
        history.check_history([stream(GOOD)], LOGS)
        history.check_history([stream(GOOD)], {**LOGS, 1: [(0, "p-1")]})

    def test_lost(self):
        self.fails("1 of 3 acknowledged records are not where they were put", logs={0: [(0, "p-0")], 1: [(0, "p-1")]})

    def test_lost_without_an_offset(self):
        text = GOOD.replace("acked 0 1 p-2", "acked 0 -1 p-2")
        history.check_history([stream(text)], LOGS)
        self.fails("1 of 3 acknowledged records are not where they were put", text, {0: [(0, "p-0"), (1, "p-3")], 1: [(0, "p-1")]})

    def test_another_in_its_place(self):
        self.fails("acknowledged records are not where", logs={0: [(0, "p-0"), (1, "p-3")], 1: [(0, "p-1")]})

    def test_doubled(self):
        doubled = {0: [(0, "p-0"), (1, "p-2"), (2, "p-2")], 1: [(0, "p-1")]}
        text = GOOD.replace("committed 0 2", "read 0 2 p-2\ncommitted 0 3")
        self.fails("2 at offset 2 of partition 0 comes after 2", text, doubled)
        history.check_history([stream(text, idempotent=False)], doubled)

    def test_out_of_order(self):
        self.fails("0 at offset 1 of partition 0 comes after 2", GOOD.replace("acked 0 0 p-0 10 20\n", "").replace("acked 0 1 p-2 20 40\n", ""),
                   {0: [(0, "p-2"), (1, "p-0")], 1: [(0, "p-1")]})

    def test_never_sent(self):
        self.fails("p-4 at .* was never sent", GOOD.replace("ended", "read 1 1 p-4\nended"), {**LOGS, 1: [(0, "p-1"), (1, "p-4")]})
        self.fails("q-0 at .* was never sent", GOOD.replace("ended", "read 1 1 q-0\nended"), {**LOGS, 1: [(0, "p-1"), (1, "q-0")]})

    def test_hole_in_the_offsets(self):
        self.fails("offsets of partition 0", logs={**LOGS, 0: [(0, "p-0"), (2, "p-2")]})

    def test_read_what_is_not_there(self):
        self.fails("read p-3 in partition 1 at 1", GOOD.replace("ended", "read 1 1 p-3\nended"))

    def test_left_out(self):
        self.fails("was read up to 0, then at 1", GOOD.replace("read 0 0 p-0\n", ""))
        self.fails("read to the end", GOOD.replace("read 0 1 p-2\ncommitted 0 2\n", ""))

    def test_consumer_was_reset(self):
        self.fails("was committed at 2, then read again at 0", GOOD.replace("ended", "read 0 0 p-0\nended"))
        self.fails("went from 2 back to 1", GOOD.replace("ended", "committed 0 1\nended"))

    def test_uncommitted_comes_again(self):
        history.check_history([stream(GOOD.replace("read 1 0 p-1", "read 1 0 p-1\nread 1 0 p-1"))], LOGS)

    def test_gap(self):
        acks = stream(GOOD).acks()
        self.assertEqual(900.0, history.longest_gap_ms(acks))
        self.assertEqual(0, history.longest_gap_ms(acks, 1_000_000))

    def test_counts(self):
        found = stream(GOOD)
        found._seen, found._counts = 0, history.collections.Counter()
        self.assertEqual((3, 2, 1), (found.count("acked"), found.count("acked", 0), found.count("acked", 1)))


def batch(base, count, payload=b"x" * 20):
    header = struct.pack(">qiibIhi", base, 49 + len(payload), 0, 2, 0, 0, count - 1) + bytes(8 + 8 + 8 + 2 + 4 + 4)
    return header + payload


class LogFilesTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def replica(self, name, **segments):
        path = self.directory / name
        path.mkdir()
        for segment, data in segments.items():
            (path / f"{int(segment[1:]):020}.log").write_bytes(data)
        return path

    def test_equal_whatever_the_segments(self):
        one = self.replica("one", _0=batch(0, 3) + batch(3, 2), _5=batch(5, 1))
        two = self.replica("two", _0=batch(0, 3), _3=batch(3, 2) + batch(5, 1) + b"torn")
        self.assertEqual(3 * 81, log_files.check_equal_below({"one": one, "two": two}, 6, "t-0"))

    def test_above_the_high_watermark_they_may_differ(self):
        one = self.replica("one", _0=batch(0, 3) + batch(3, 2, b"a" * 20))
        two = self.replica("two", _0=batch(0, 3) + batch(3, 2, b"b" * 20))
        self.assertEqual(81, log_files.check_equal_below({"one": one, "two": two}, 3, "t-0"))
        with self.assertRaisesRegex(Failure, "the batch at offset 3 on one differs from that at 3 on two"):
            log_files.check_equal_below({"one": one, "two": two}, 5, "t-0")

    def test_too_short(self):
        one = self.replica("one", _0=batch(0, 3) + batch(3, 2))
        two = self.replica("two", _0=batch(0, 3))
        with self.assertRaisesRegex(Failure, "the log of two ends at 3, the high watermark is 5"):
            log_files.check_equal_below({"one": one, "two": two}, 5, "t-0")

    def test_one_begins_later(self):
        one = self.replica("one", _0=batch(0, 3) + batch(3, 2))
        two = self.replica("two", _3=batch(3, 2))
        self.assertEqual(81, log_files.check_equal_below({"one": one, "two": two}, 5, "t-0"))


if __name__ == "__main__":
    unittest.main()
