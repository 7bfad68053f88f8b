"""Where the broker answers otherwise than Apache Kafka on purpose. Everything that isn't said here must be the same.

`expected()` makes of Apache's transcript what the broker is held to: strict too, only other. `SKIPPED` scenarios rest on answers that the broker
doesn't give; they are counted as skipped.
"""

import re

from harness.unserved import MODERN_GROUPS, NOT_ANNOUNCED, SHARE, STREAMS, TRANSACTIONS

# Features that Apache's format finalizes and ours leaves at 0, so that clients don't ask for what they would turn on.
NOT_FINALIZED = {
    "group.version": MODERN_GROUPS,
    "share.version": SHARE,
    "streams.version": STREAMS,
    "transaction.version": TRANSACTIONS,
}

SKIPPED = {
    "transactions": TRANSACTIONS,
    "consumer_group_heartbeat_refusals": MODERN_GROUPS,
}

# Keys of DescribeConfigs that only this broker has.
OWN_CONFIGS = ("dohle.cluster.id", "dohle.event.loops", "dohle.initial.controllers", "dohle.io.threads", "dohle.log.format", "dohle.log.level", "dohle.release.version", "metrics.host", "metrics.port")

# (scenario, how the request begins): (what is found in Apache's answer, what stands there instead, why)
ANSWERS = {
    ("metadata_auto_creation", 'Metadata 9 {"topics": [{"name": "metadata.made"}], "allowAutoTopicCreation": true}'): (
        r'"errorCode": 3, "name": "metadata.made", "isInternal": false, "partitions": \[\]',
        '"errorCode": 0, "name": "metadata.made", "isInternal": false, "partitions": [{"errorCode": 0, "partitionIndex": 0, "leaderId": 1, '
        '"leaderEpoch": 0, "replicaNodes": [1], "isrNodes": [1], "offlineReplicas": []}]',
        "a topic that is made automatically is made before the answer, so that no client must ask twice"),
    ("produce_wrong_offset_deltas", "Produce"): (
        r'"errorCode": 0, "baseOffset": [02],', '"errorCode": 87, "baseOffset": -1,',
        "such a batch would give two records one offset, or one record none: every later reader of the log would have to bear it"),
}

_KEYS = {str(key) for key, _ in NOT_ANNOUNCED}
_NAMES = {name for _, name in NOT_ANNOUNCED}
_LEVEL = re.compile(r'\{"name": "([^"]*)", "maxVersionLevel": [1-9]\d*, "minVersionLevel": \d+\}(, )?')
_RANGE = re.compile(r'\{"apiKey": (\d+), "minVersion": \d+, "maxVersion": \d+\}(, )?')


def _announced(line):
    """An answer of ApiVersions without what isn't served."""
    ranges = {match[1] for match in _RANGE.finditer(line)}
    assert len(ranges) < 2 or _KEYS <= ranges, f"Apache doesn't announce {sorted(_KEYS - ranges)} either"
    line = _RANGE.sub(lambda match: "" if match[1] in _KEYS else match[0], line)
    line = _LEVEL.sub(lambda match: "" if match[1] in NOT_FINALIZED else match[0], line)
    return line.replace("}, ]", "}]")


def expected(scenario, lines):
    """What the broker must answer, made of Apache's transcript."""
    result = []
    request = ""
    for line in lines:
        if line.startswith("> "):
            request = line[2:]
        elif line.startswith("< "):
            if request.split(" ", 1)[0] in _NAMES:
                line = "< closed"
            elif request.startswith("ApiVersions"):
                line = _announced(line)
            for (name, begin), (found, instead, _) in ANSWERS.items():
                if name == scenario and request.startswith(begin):
                    assert re.search(found, line), f"Apache's answer to {begin} has no {found}"
                    line = re.sub(found, lambda _, instead=instead: instead, line, count=1)
        result.append(line)
    return result


def comparable(scenario, lines):
    """The broker's own transcript without what Apache can't have; every such thing must be there."""
    if scenario != "describe_all_broker_configs":
        return lines
    own = [f"{{'name': '{name}'," for name in OWN_CONFIGS]
    assert all(any(line.startswith(begin) for line in lines) for begin in own), "a config of our own is missing"
    return [line for line in lines if not line.startswith(tuple(own))]
