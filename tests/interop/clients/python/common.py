"""What the three Python drivers (see README.md) share."""

import os
import select
import sys

BOOTSTRAP = os.environ["BOOTSTRAP"]


def key(i):
    return f"k{i % 10}".encode()


def value(i):
    return f"v-{i}-{'x' * (i % 50)}".encode()


def say(*words):
    print(*words, flush=True)


def say_record(partition, offset, key_bytes, value_bytes):
    say("record", partition, offset, key_bytes.decode(), value_bytes.decode())


def input_ended():
    return bool(select.select([sys.stdin], [], [], 0)[0]) and sys.stdin.read(1) == ""


def main(create, delete, produce, member):
    command, topic, *rest = sys.argv[1:]
    if command == "create":
        create(topic, int(rest[0]))
    elif command == "delete":
        delete(topic)
    elif command == "produce":
        produce(topic, rest[0], int(rest[1]), int(rest[2]))
    elif command == "member":
        member(topic, rest[0])
    else:
        sys.exit(f"unknown command {command}")
