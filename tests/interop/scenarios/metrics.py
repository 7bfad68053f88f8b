"""/metrics, /healthz and /readyz of the broker after known work; Dohle only (Apache has JMX in their place)."""

import http.client
import pathlib
import re
import subprocess
import threading
import time

from harness import packages
from harness.broker import answers
from harness.process import Failure
from harness.process import run as run_program
from harness.scenario import check, contains, equal, eventually

SAMPLE = re.compile(r"^([a-z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]?Inf|[-+0-9.e]+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')


class Admin:
    """The HTTP side of a broker that was started with metrics.port=0."""

    def __init__(self, broker):
        self.broker = broker
        # Said once everything is served: a little after the first answer on the Kafka port.
        self.port = int(eventually(self._said_port, "the log doesn't say where metrics are"))

    def _said_port(self):
        """In the broker's present life, which begins with what it listens on."""
        life = self.broker.log_path.read_text().rpartition("listening on")[2]
        found = re.findall(r"metrics and health on http://localhost:(\d+)/metrics", life)
        return found[-1] if found else None

    def ask(self, path, method="GET"):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=20)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def scrape(self):
        status, headers, text = self.ask("/metrics")
        equal(200, status, "status of /metrics")
        equal("text/plain; version=0.0.4; charset=utf-8", headers["Content-Type"], "content type")
        return Scrape(text)


class Scrape:
    """The samples of one scrape; parsing is strict."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        self.families = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                check(name not in self.families, f"two families {name}")
                self.families[name] = kind
            elif not line.startswith("# HELP "):
                match = SAMPLE.match(line)
                check(match, f"no sample: {line!r}")
                labels = match.group(2) or ""
                check("".join(m.group(0) for m in LABEL.finditer(labels)) == labels, f"labels of {line!r}")
                key = (match.group(1), frozenset(LABEL.findall(labels)))
                check(key not in self.samples, f"twice: {line!r}")
                self.samples[key] = float(match.group(3))

    def get(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())))


def kcat(broker, *args, stdin=None):
    return run_program([packages.command("kcat", "kcat"), "-b", broker.bootstrap, *args], stdin=stdin)[1]


def produce(broker, topic, count, *args):
    """One request a record, so that every record is a batch of its own."""
    kcat(broker, "-P", "-t", topic, "-X", "batch.num.messages=1", "-X", "acks=all", *args, stdin="".join(f"value {i}\n" for i in range(count)))


def traffic(broker, admin):
    topic = "metrics.traffic"
    produce(broker, topic, 12)
    read = kcat(broker, "-C", "-t", topic, "-o", "beginning", "-e", "-q")
    equal(12, len(read.splitlines()), "records read")
    scrape = admin.scrape()
    topics = "kafka_server_brokertopicmetrics_"
    equal(12, scrape.get(topics + "messagesin_total", topic=topic), "messages in")
    equal(12, scrape.get(topics + "totalproducerequests_total", topic=topic), "produce requests")
    equal(0, scrape.get(topics + "failedproducerequests_total", topic=topic), "failed produce requests")
    size = scrape.get("kafka_log_log_size", topic=topic, partition="0")
    equal(size, scrape.get(topics + "bytesin_total", topic=topic), "bytes in")
    equal(size, scrape.get(topics + "bytesout_total", topic=topic), "bytes out")
    check(scrape.get(topics + "messagesin_total") >= 12, "messages in of all topics")
    equal(12, scrape.get("kafka_log_log_logendoffset", topic=topic, partition="0"), "log end offset")
    equal(0, scrape.get("kafka_log_log_logstartoffset", topic=topic, partition="0"), "log start offset")
    equal(12, scrape.get("kafka_topic_partition_current_offset", topic=topic, partition="0"), "high watermark")
    equal(1, scrape.get("kafka_topic_partitions", topic=topic), "partitions of the topic")
    equal(0, scrape.get("kafka_cluster_partition_underreplicated", topic=topic, partition="0"), "under-replicated")
    requests = {labels: value for (name, labels), value in scrape.samples.items() if name == "kafka_network_requestmetrics_requests_total"}
    produced = sum(value for labels, value in requests.items() if ("request", "Produce") in labels)
    check(produced >= 12, f"Produce requests: {requests}")
    errors = "kafka_network_requestmetrics_errors_total"
    equal(produced, scrape.get(errors, request="Produce", error="NONE"), "Produce answers without an error")
    equal(produced, scrape.get("kafka_network_requestmetrics_totaltimems_count", request="Produce"), "Produce times")
    check(scrape.get("kafka_network_requestmetrics_totaltimems_sum", request="FetchConsumer") > 0, "Fetch times")
    equal(1, scrape.get("kafka_brokers"), "brokers")
    equal(3, scrape.get("kafka_server_kafkaserver_brokerstate"), "broker state")
    equal(1, scrape.get("kafka_controller_kafkacontroller_activecontrollercount"), "active controllers")
    created = sum(v for (n, _), v in scrape.samples.items() if n.endswith("connection_creation_total"))
    closed = sum(v for (n, _), v in scrape.samples.items() if n.endswith("connection_close_total"))
    check(created >= 2 and closed <= created, f"{created} connections made, {closed} closed")


def refusals(broker, admin):
    topic = "metrics.refusals"
    produce(broker, topic, 1)
    try:
        run_program([packages.command("kcat", "kcat"), "-b", broker.bootstrap, "-P", "-t", topic, "-X", "message.max.bytes=3000000", "-X",
             "compression.codec=none"], stdin="x" * 2_000_000 + "\n")
    except Failure:
        pass  # kcat tells of the refusal by its exit code
    scrape = admin.scrape()
    equal(1, scrape.get("kafka_server_brokertopicmetrics_messagesin_total", topic=topic), "messages in")
    check(scrape.get("kafka_server_brokertopicmetrics_bytesrejected_total", topic=topic) > 2_000_000, "bytes rejected")
    check(scrape.get("kafka_network_requestmetrics_errors_total", request="Produce", error="MESSAGE_TOO_LARGE") >= 1, "errors")


def lag(broker, admin):
    topic, group = "metrics.lag", "metrics.group"
    produce(broker, topic, 10)
    labels = {"consumergroup": group, "topic": topic, "partition": "0"}
    member = subprocess.Popen(
        [packages.command("kcat", "kcat"), "-b", broker.bootstrap, "-G", group, "-X", "auto.offset.reset=earliest", "-X",
         "auto.commit.interval.ms=100", "-q", topic], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: admin.scrape().get("kafka_consumergroup_lag", **labels) == 0, "a live group without lag")
        scrape = admin.scrape()
        equal(10, scrape.get("kafka_consumergroup_current_offset", **labels), "committed offset")
        equal(0, scrape.get("kafka_consumergroup_lag_seconds", **labels), "lag in seconds of who has read all")
        equal(1, scrape.get("kafka_consumergroup_members", consumergroup=group), "members")
        equal(1, scrape.get("kafka_coordinator_group_groupmetadatamanager_numgroupsstable"), "stable groups")
    finally:
        member.terminate()
        member.wait(20)
    began = time.time()
    produce(broker, topic, 7)
    produced = time.time()
    eventually(lambda: time.time() - produced > 1.2, "records that are more than a second old")
    before = time.time()
    scrape = eventually(lambda: _empty(admin, group), "the group without members")
    equal(10, scrape.get("kafka_consumergroup_current_offset", **labels), "committed offset")
    equal(7, scrape.get("kafka_consumergroup_lag", **labels), "lag of an empty group")
    equal(7, scrape.get("kafka_consumergroup_lag_sum", consumergroup=group, topic=topic), "lag of the topic")
    seconds = scrape.get("kafka_consumergroup_lag_seconds", **labels)
    check(before - produced - 0.01 <= seconds <= time.time() - began + 0.01, f"lag in seconds: {seconds}")
    # What was looked up stays right as time goes by.
    looked = time.time()
    eventually(lambda: time.time() - looked > 0.3, "a later moment")
    later = admin.scrape().get("kafka_consumergroup_lag_seconds", **labels)
    check(seconds + 0.29 <= later <= time.time() - began + 0.01, f"lag in seconds: {seconds}, then {later}")


def _empty(admin, group):
    scrape = admin.scrape()
    return scrape if scrape.get("kafka_consumergroup_members", consumergroup=group) == 0 else None


def health(broker, admin):
    for path in ("/healthz", "/readyz", "/readyz?verbose"):
        equal(200, admin.ask(path)[0], path)
    status, headers, body = admin.ask("/metrics", "HEAD")
    equal((200, ""), (status, body), "HEAD")
    check(int(headers["Content-Length"]) > 1000, "the length that HEAD tells")
    equal(404, admin.ask("/metric")[0], "an unknown path")
    equal(405, admin.ask("/metrics", "POST")[0], "POST")


def not_ready_while_stopping(session):
    broker = session.new_broker("metrics-stop")
    broker.start()
    try:
        admin = Admin(broker)
        equal(200, admin.ask("/readyz")[0], "before")
        broker.stop()
        try:
            admin.ask("/readyz")
        except OSError:
            return
        raise Failure("/readyz answers after the broker's end")
    finally:
        if broker.alive():
            broker.kill()


def port_taken(session, admin):
    other = session.new_broker("metrics-taken", **{"metrics.port": str(admin.port)})
    try:
        other.start(timeout_s=20)
    except Failure as failure:
        contains(str(failure), "metrics.port", "what the second broker says")
        return
    other.kill()
    raise Failure("two brokers with one metrics.port")


def format_is_valid(broker, admin):
    text = admin.scrape().text
    python = packages.python_venv(pathlib.Path(__file__).parent / "metrics-requirements.txt")
    code = "import sys; from prometheus_client.parser import text_string_to_metric_families as parse; print(len(list(parse(sys.stdin.read()))))"
    families = int(run_program([python, "-c", code], stdin=text)[1])
    check(families >= 90, f"{families} families")


def many_partitions(session):
    """A scrape of 10,000 partitions; prints how long it took."""
    broker = session.new_broker("metrics-many")
    broker.start()
    try:
        load = [str(packages.ROOT / "build/bin/dohle-load"), "create", "--port", str(broker.port), "--partitions", "1000"]
        for i in range(10):
            run_program([*load, "--topic", f"many-{i}"])
        admin = Admin(broker)
        took, texts, pauses, over = [], [], [], threading.Event()
        meanwhile = threading.Thread(target=_longest_pause, args=[broker.port, over, pauses])
        meanwhile.start()
        for _ in range(10):
            began = time.monotonic()
            status, _, text = admin.ask("/metrics")
            took.append(time.monotonic() - began)
            equal(200, status, "status")
            texts.append(text)
        over.set()
        meanwhile.join()
        # Only now, as the threads here share one lock.
        inside = [float(re.search(r"^dohle_scrape_duration_seconds (\S+)$", t, re.M).group(1)) for t in texts]
        scrape = Scrape(texts[-1])
        equal(10000, scrape.get("kafka_server_replicamanager_leadercount"), "partitions led")
        print(f"      scrape of 10,000 partitions: {min(inside) * 1000:.0f} to {max(inside) * 1000:.0f} ms, {min(took) * 1000:.0f} with transfer, "
              f"{len(texts[-1]) / 1e6:.1f} MB", flush=True)
        print(f"      meanwhile {len(pauses)} requests were answered, the slowest in {max(pauses) * 1000:.1f} ms, the median in "
              f"{sorted(pauses)[len(pauses) // 2] * 1000:.1f} ms", flush=True)
        # If requests stood behind scrapes, one or two would be answered for each of them.
        check(len(pauses) > 5 * len(took), f"{len(pauses)} requests were answered during {len(took)} scrapes")
    finally:
        broker.kill()


def _longest_pause(port, over, pauses):
    """How long a request takes, again and again, on new connections so that all event loops are asked."""
    while not over.is_set():
        began = time.monotonic()
        check(answers(port), "no answer")
        pauses.append(time.monotonic() - began)


def _run_all(session):
    broker = session.new_broker("metrics")
    broker.start()
    try:
        admin = Admin(broker)
        session.run("metrics/traffic", lambda: traffic(broker, admin))
        session.run("metrics/refusals", lambda: refusals(broker, admin))
        session.run("metrics/lag", lambda: lag(broker, admin))
        session.run("metrics/health", lambda: health(broker, admin))
        session.run("metrics/format", lambda: format_is_valid(broker, admin))
        session.run("metrics/port_taken", lambda: port_taken(session, admin))
    finally:
        broker.kill()
    session.run("metrics/stop", lambda: not_ready_while_stopping(session))
    session.run("metrics/many_partitions", lambda: many_partitions(session))


NAMES = ("traffic", "refusals", "lag", "health", "format", "port_taken", "stop", "many_partitions")


def run(session):
    if session.kind == "dohle" and any(session.wanted("metrics/" + name) for name in NAMES):
        _run_all(session)
