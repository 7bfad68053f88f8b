"""The ground that a cluster's scenarios stand on: its nodes, streams of records through it, and the checks of what is left."""

from harness import broker as brokers
from harness import history, log_files, packages
from harness.cluster import BOTH, Cluster
from harness.process import run as run_process
from harness.scenario import check, eventually

from . import clients, java, tools

HEAP = "256m"
RF = 3


def stream_argv(client):
    if client == "java":
        classes = java.classes(packages.KAFKA_VERSION, "v4")
        return ["java", *java.QUIET, "-Xmx128m", "-cp", classes, "Stream"]
    return [packages.python_venv(clients.CLIENTS / "python/requirements.txt"), clients.CLIENTS / "python/stream.py"]


class Ground:
    """A running cluster, with the streams and tools that work on it. A context: everything ends with it."""

    _made = 0

    def __init__(self, session, name, nodes=None, voters=None, network=None, **overrides):
        nodes = nodes or {i + 1: (kind, BOTH) for i, kind in enumerate(session.nodes)}
        self.session = session
        Ground._made += 1
        self.directory = session.directory / f"{name}-{Ground._made}"
        self.directory.mkdir()
        brokers.Apache.heap = HEAP
        self.cluster = Cluster(self.directory, nodes, voters or session.voters, overrides, network=network)
        self.state = self.cluster.state
        self.tools = tools.Tools(session, self.cluster)
        self.streams = []
        self._count = 0

    def __enter__(self):
        try:
            self.cluster.start()
        except BaseException:
            self.cluster.close()
            raise
        return self

    def __exit__(self, *_):
        for death in filter(None, (node.death() for node in self.nodes.values())):
            print("      " + death.replace("\n", "\n      "), flush=True)
        for stream in self.streams:
            stream.kill()
        self.tools.close()
        self.cluster.close()

    @property
    def nodes(self):
        return self.cluster.nodes

    def topic(self, hint, partitions=3, replication_factor=RF, **configs):
        self._count += 1
        topic = f"{hint}.{self._count}"
        self.state.create_topic(topic, partitions, replication_factor, configs={"min.insync.replicas": min(2, replication_factor), **configs})
        self.cluster.await_whole(topic)
        return topic

    def stream(self, client, topic, partitions=3, **options):
        self._count += 1
        name = f"{client}.{self._count}"
        stream = history.Stream(stream_argv(client), self.cluster.bootstrap, topic, partitions, name, self.directory / f"{name}.log",
                                **{"group": f"readers.{name}", **options})
        self.streams.append(stream)
        return stream

    def load(self, topic, partitions=3, **options):
        """librdkafka and Java on one topic, each with a group of its own, all under way."""
        for client in self.session.streams:
            self.stream(client, topic, partitions, **options)
        self.progress("at first", 90)

    def progress(self, what, timeout_s=60):
        for stream in self.streams:
            stream.await_progress(what, timeout_s)

    def read_all(self, topic, partitions=3):
        """{partition: [(offset, value)]} by librdkafka, from the beginning to the end."""
        kcat = packages.command("kcat", "kcat")
        logs = {}
        for p in range(partitions):
            out = run_process([kcat, "-b", self.cluster.bootstrap, "-C", "-t", topic, "-p", p, "-o", "beginning", "-e", "-q", "-X", "check.crcs=true",
                               "-f", "%o %s\n"])[1]
            logs[p] = [(int(offset), value) for offset, value in (line.split(" ") for line in out.splitlines())]
        return logs

    def settle(self, topic, partitions=3):
        """Ends the streams, and checks what they saw against the logs, and the replicas against each other."""
        self.cluster.check_alive()
        for stream in self.streams:
            stream.drain()
        self.cluster.await_whole(topic)
        logs = self.read_all(topic, partitions)
        places = {(p, o) for p, found in logs.items() for o, _ in found}
        for stream in self.streams:
            if stream.group:
                eventually(lambda s=stream: places <= s.positions_read(), f"{stream.name} reads to the end", 60, 0.5)
            stream.end()
        streams, self.streams = self.streams, []
        history.check_history(streams, logs)
        size = sum(self.check_replicas(topic, p) for p in range(partitions))
        refused = [line for stream in streams for line in stream.refused()]
        print(f"      {sum(len(s.acks()) for s in streams)} acknowledged, {len(refused)} refused, {size} bytes the same on all replicas", flush=True)
        return refused

    def check_replicas(self, topic, partition):
        """Byte for byte below the high watermark."""
        high_watermark = self.state.high_watermark(topic, partition)
        replicas = self.state.partitions(topic)[partition].replicas
        return log_files.check_equal_below({f"node {i} ({self.nodes[i].kind})": self.nodes[i].data / f"{topic}-{partition}" for i in replicas},
                                           high_watermark, f"{topic}-{partition}")

    def check_internal_replicas(self):
        """The same of the groups' topic."""
        for partition in self.state.partitions("__consumer_offsets"):
            self.check_replicas("__consumer_offsets", partition)

    def check_metadata_logs(self):
        """All nodes hold the same metadata, byte for byte, below the high watermark that the leader tells."""
        quorum = self.state.quorum()
        directories = {f"node {node.node_id} ({node.kind})": node.data / "__cluster_metadata-0" for node in self.nodes.values()}
        eventually(lambda: self._metadata_at(quorum.high_watermark), "all nodes have the metadata")
        check(log_files.check_equal_below(directories, quorum.high_watermark, "__cluster_metadata") > 0, "no metadata in common")

    def _metadata_at(self, high_watermark):
        found = {node.node_id: log_files.batches(node.data / "__cluster_metadata-0") for node in self.nodes.values()}
        return all(batches and batches[-1][1] + 1 >= high_watermark for batches in found.values())

