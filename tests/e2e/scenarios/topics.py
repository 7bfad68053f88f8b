"""What people do with a Topic; each scenario has one of its own on the shared cluster."""

from harness.scenario import check, contains, equal, eventually
from world import NAMESPACE, condition, topic

import deadlines


def partitions_grow(world):
    world.topic("growing", partitions=2)
    world.produce("growing", range(20))
    world.patch("topic", "growing", {"partitions": 5})
    world.until("topics", "growing", lambda t: t["status"].get("partitions") == 5, "5 partitions", deadlines.CHANGE_SEEN)
    equal(5, world.partitions("growing"), "partitions on the broker")
    equal(20, len(world.consume("growing")), "records that were there before")


def refused(world):
    """What the API server refuses at once, with a sentence that says what to do."""
    world.topic("firm", partitions=3, topicName="Firm_Name")
    for spec, words in (({"partitions": 2}, "can't become fewer"), ({"topicName": "Other"}, "topicName can't be changed"),
                        ({"cluster": "other"}, "cluster can't be changed"), ({"partitions": 0}, "partitions")):
        code, said = world.patch("topic", "firm", spec, check=False)
        check(code != 0, f"{spec} was taken")
        contains(said, words, f"the refusal of {spec}")
    code, said = world.apply([topic("both", bootstrapServers="kafka.example.com:9092")], check=False)
    check(code != 0, "cluster and bootstrapServers together were taken")
    contains(said, "not both", "the refusal")
    for config in ({"log.dirs": "/tmp"}, {"node.id": "7"}, {"advertised.listeners": "PLAINTEXT://x:1"}):
        code, said = world.patch("cluster", "quickstart", {"config": config}, check=False)
        check(code != 0, f"{config} was taken")
        contains(said, next(iter(config)), f"the refusal of {config}")
    equal(3, world.partitions("Firm_Name"), "partitions after all that")


def config_changes(world):
    world.topic("tuned", config={"retention.ms": "3600000"})
    equal({"retention.ms": "3600000"}, world.admin("describe", "tuned"), "at first")
    pod = world.broker_pod()
    world.patch("topic", "tuned", {"config": {"retention.ms": "7200000", "cleanup.policy": "compact"}})
    eventually(lambda: world.admin("describe", "tuned") == {"retention.ms": "7200000", "cleanup.policy": "compact"},
               "the new configuration on the broker", deadlines.CHANGE_SEEN)
    world.patch("topic", "tuned", {"config": {"cleanup.policy": None}})
    eventually(lambda: world.admin("describe", "tuned") == {"retention.ms": "7200000"}, "one is gone", deadlines.CHANGE_SEEN)
    equal(pod["metadata"]["uid"], world.broker_pod()["metadata"]["uid"], "the broker's pod")


def bad_config(world):
    """What CEL can't see: a condition that names the key, and the topic is made once it is put right."""
    world.apply([topic("wrong", config={"retention.ms": "soon"})])

    def told(thing):
        ready = condition(thing, "Ready")
        return ready and ready["status"] == "False" and "retention.ms" in ready["message"]
    world.until("topics", "wrong", told, "a condition that names retention.ms", deadlines.TOPIC_READY)
    world.patch("topic", "wrong", {"config": {"retention.ms": "60000"}})
    world.ready("topics", "wrong", deadlines.TOPIC_READY)


def deleted_and_made_again(world):
    first = world.topic("again", partitions=2)
    world.produce("again", range(10))
    world.delete("topic", "again")
    equal(0, world.partitions("again"), "partitions of the deleted topic")
    second = world.topic("again", partitions=1)
    check(first["status"]["topicId"] != second["status"]["topicId"], "the topic has the old id")
    equal([], world.consume("again"), "records of the new one")


def retained(world):
    world.topic("kept", deletionPolicy="Retain")
    world.produce("kept", range(10))
    world.delete("topic", "kept")
    equal(10, len(world.consume("kept")), "records after the resource is gone")
    world.topic("kept", deletionPolicy="Delete")
    equal(10, len(world.consume("kept")), "records after it was adopted")


def refuses_to_adopt(world):
    world.topic("foreign", deletionPolicy="Retain", partitions=2)
    world.delete("topic", "foreign")
    world.apply([topic("foreign", partitions=4, adoptionPolicy="Refuse")])
    world.until("topics", "foreign", lambda t: (condition(t, "Ready") or {}).get("status") == "False", "not Ready", deadlines.TOPIC_READY)
    equal(2, world.partitions("foreign"), "partitions of the topic that it may not touch")
    world.delete("topic", "foreign")
    equal(2, world.partitions("foreign"), "partitions after its resource is gone")


def second_resource(world):
    """Two resources for one topic: the older one has it, and deleting the other harms nothing."""
    world.topic("mine", partitions=2)
    world.apply([topic("mine-too", topicName="mine", partitions=9)])
    told = world.until("topics", "mine-too", lambda t: (condition(t, "Ready") or {}).get("status") == "False", "not Ready", deadlines.TOPIC_READY)
    contains(condition(told, "Ready")["message"], "mine", "the condition")
    world.delete("topic", "mine-too")
    equal(2, world.partitions("mine"), "partitions")


def drift(world):
    """What somebody changes behind the operator's back is mended, with an event."""
    world.topic("drifting", config={"retention.ms": "3600000"})
    world.admin("configure", "drifting", "retention.ms", "1000000")
    eventually(lambda: world.admin("describe", "drifting") == {"retention.ms": "3600000"}, "the configuration is mended",
               deadlines.DRIFT_MENDED, interval_s=1)
    world.event("drifting", "drift")
    before = world.ready("topics", "drifting", deadlines.TOPIC_READY)["status"]["topicId"]
    world.admin("delete", "drifting")
    world.until("topics", "drifting", lambda t: t["status"].get("topicId") not in (None, "", before), "a new topic", deadlines.DRIFT_MENDED)
    equal(1, world.partitions("drifting"), "partitions")


def before_its_cluster(world):
    """A Topic whose Cluster isn't there waits, and can be deleted all the same."""
    world.apply([topic("early", cluster="nowhere")])
    told = world.until("topics", "early", lambda t: condition(t, "Ready"), "a condition", deadlines.TOPIC_READY)
    equal("False", condition(told, "Ready")["status"], "Ready")
    contains(condition(told, "Ready")["message"], "nowhere", "the condition")
    world.delete("topic", "early")


def many(world):
    """A hundred at once: in batches, and gone again."""
    world.apply([topic(f"many-{i:03}") for i in range(100)])
    eventually(lambda: _ready_count(world) == 100, "100 topics are Ready", deadlines.TOPIC_READY)
    world.kubectl("delete", "topics.dohle.dev", "-n", NAMESPACE, *[f"many-{i:03}" for i in range(100)], timeout_s=deadlines.GONE)
    equal(0, world.partitions("many-000"), "partitions of a deleted one")


def _ready_count(world):
    return sum(t["metadata"]["name"].startswith("many-") and (condition(t, "Ready") or {}).get("status") == "True"
               for t in world.api.list("topics", NAMESPACE))


def scenarios(world):
    world.run("topic_partitions_grow", partitions_grow)
    world.run("topic_shrinking_is_refused", refused)
    world.run("topic_config_changes", config_changes)
    world.run("topic_bad_config", bad_config)
    world.run("topic_deleted_and_made_again", deleted_and_made_again)
    world.run("topic_retained", retained)
    world.run("topic_refuses_to_adopt", refuses_to_adopt)
    world.run("topic_second_resource", second_resource)
    world.run("topic_drift", drift)
    world.run("topic_before_its_cluster", before_its_cluster)
    world.run("topic_many", many)
