"""Asks a broker and writes down what was asked and what came, with everything masked that differs from run to run."""

import json
import re
import struct
import time

from harness import wire

# Numbers that depend on the moment or on the order of the scenarios.
_HIDDEN_NUMBERS = {"port": "<port>", "throttleTimeMs": "<ms>", "finalizedFeaturesEpoch": "<epoch>", "logAppendTimeMs": "<time>",
                   "brokerEpoch": "<epoch>", "highWatermarkTime": "<time>", "totalBytes": "<bytes>", "usableBytes": "<bytes>",
                   "lastFetchTimestamp": "<time>", "lastCaughtUpTimestamp": "<time>", "sessionId": "<session>"}
_NAMED = {"topicId": "topic id", "memberId": "member", "leader": "member", "producerId": "producer", "clusterId": "cluster",
          "replicaDirectoryId": "directory", "voterDirectoryId": "directory"}


# When the clients' records were made: their bytes, checksums too, are then the same in every run (the broker keeps them for ever).
RECORD_TIME = 1_700_000_000_000


class Transcript:
    def __init__(self, protocol, port):
        self.protocol = protocol
        self.lines = []
        self._port = port
        self._connection = None
        self._names = {}  # kind -> {value: the name it got at its first appearance}
        self._correlation_id = 0
        self.now = RECORD_TIME
        self._clock = int(time.time() * 1000)

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def note(self, text):
        self.lines.append(f"# {text}")

    def versions(self, api):
        return self.protocol.versions(api)

    def ask(self, api, version, hide=(), quiet=False, body=None, **fields):
        """Sends a request on the connection that the scenario has, writes both down, returns the decoded answer (None: closed).

        hide: names of fields of the answer that this scenario can't compare; quiet: only ask.
        """
        body = {**(body or {}), **fields}
        self._correlation_id += 1
        data = self.protocol.request(api, version, body, self._correlation_id)
        answer = self.exchange(data)
        value = None
        if not quiet:
            self.lines.append(f"> {api} {version} {self._text(body, ())}")
        if answer is None:
            if not quiet:
                self.lines.append("< closed")
            return None
        try:
            correlation_id, value = self.protocol.response(api, version, answer)
            if correlation_id != self._correlation_id:
                self.lines.append(f"< correlation id {correlation_id}")
        except (wire.Malformed, UnicodeDecodeError) as error:
            self.lines.append(f"< malformed ({error}): {answer.hex()}")
            return None
        if not quiet:
            self.lines.append(f"< {self._text(value, hide)}")
        return value

    def exchange(self, data, frame=True):
        """Sends bytes, returns the answer's bytes; None when the broker closes the connection or says nothing for long."""
        if self._connection is None:
            self._connection = wire.Connection(self._port)
        try:
            if frame:
                self._connection.send(data)
            else:
                self._connection.send_raw(data)
            answer = self._connection.receive()
        except TimeoutError:
            self.lines.append("< silence")
            answer = None
        except ConnectionError:
            answer = None
        if answer is None:
            self.close()
        return answer

    def send_only(self, api, version, **fields):
        """For requests that have no answer (acks=0)."""
        self._correlation_id += 1
        if self._connection is None:
            self._connection = wire.Connection(self._port)
        self._connection.send(self.protocol.request(api, version, fields, self._correlation_id))
        self.lines.append(f"> {api} {version} {self._text(fields, ())} (no answer)")

    def raw(self, what, data, frame=True):
        """Bytes that are no proper request; writes down what they are and the bytes that come."""
        self.lines.append(f"> {what}")
        answer = self.exchange(data, frame)
        port = struct.pack(">i", self._port).hex()
        self.lines.append("< closed" if answer is None else f"< {answer.hex().replace(port, '<port>')}")

    def settle(self, api, version, done, **fields):
        """Asks until done(answer): for what takes effect a moment after its answer. Nothing is written down."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            answer = self.ask(api, version, quiet=True, **fields)
            if answer is not None and done(answer):
                return answer
            time.sleep(0.05)
        self.lines.append(f"# {api} does not settle")
        return None

    def topic(self, name, partitions=1, configs=()):
        """Makes a topic and waits until its leaders answer; returns its id."""
        self.ask("CreateTopics", 7, quiet=True, timeoutMs=10000, topics=[
            {"name": name, "numPartitions": partitions, "replicationFactor": 1, "configs": [{"name": k, "value": v} for k, v in configs]}])
        self.settle("ListOffsets", 7, lambda a: all(p["errorCode"] == 0 for t in a["topics"] for p in t["partitions"]), replicaId=-1,
                    topics=[{"name": name, "partitions": [{"partitionIndex": p, "timestamp": -1} for p in range(partitions)]}])
        answer = self.settle("Metadata", 12, lambda a: a["topics"][0]["errorCode"] == 0, topics=[{"name": name}])
        self.lines.append(f"# topic {name}, {partitions} partitions {dict(configs) or ''}".rstrip())
        return answer["topics"][0]["topicId"]

    def _text(self, value, hide):
        return json.dumps(self._masked(value, hide, ""), ensure_ascii=False, separators=(", ", ": "))

    def _masked(self, value, hide, key):
        if key in hide:
            return "<hidden>"
        if key == "documentation" and value:
            return "<text>"
        if isinstance(value, dict):
            return {k: self._masked(v, hide, k) for k, v in value.items()}
        if isinstance(value, list):
            masked = [self._masked(v, hide, key) for v in value]
            return sorted(masked, key=str) if all(isinstance(v, dict) for v in value) and key in _UNORDERED else masked
        if isinstance(value, bytes):
            return f"{len(value)} bytes {value.hex() if len(value) < 5000 else value[:100].hex() + '…'}"
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            if key in _HIDDEN_NUMBERS and value >= 0:
                return _HIDDEN_NUMBERS[key]
            if key == "producerId" and value >= 0:
                return self._name("producer", value)
            if abs(value - self._clock) < 3_600_000:
                return "<now>"
            return value
        if isinstance(value, str):
            if key in _NAMED and value and value.strip("0"):
                return self._name(_NAMED[key], value)
            return self._words(value)
        return value

    def _name(self, kind, value):
        names = self._names.setdefault(kind, {})
        return names.setdefault(value, f"<{kind} {len(names) + 1}>")

    def _words(self, text):
        """Ids and ports inside of messages."""
        text = text.replace(f":{self._port}", ":<port>")
        for kind in ("member", "topic id"):
            for value, name in self._names.get(kind, {}).items():
                text = text.replace(str(value), name)
        text = re.sub(r"within \[-?\d+, \d+\]", "within [<time>, <time>]", text)
        return re.sub(r"/\S*dohle-wire-\S*/data", "<log dir>", text)


# Lists whose order means nothing and differs between runs of the same broker.
_UNORDERED = {"topics", "partitions", "apiKeys", "supportedFeatures", "finalizedFeatures", "groups", "responses", "configs", "results",
              "configSynonyms", "synonyms", "partitionResponses", "members"}
