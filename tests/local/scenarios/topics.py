"""What people do with a Topic, on one shared cluster; each scenario has a file of its own."""

from harness.scenario import check, contains, equal, eventually
from world import condition, topic


def partitions_grow(world):
    world.write("growing.yaml", topic("growing", partitions=2))
    world.ready("Topic", "growing")
    world.produce("growing", range(20))
    world.write("growing.yaml", topic("growing", partitions=5))
    world.until("Topic", "growing", lambda t: t["status"].get("partitions") == 5, "5 partitions")
    eventually(lambda: world.partitions("growing") == 5, "5 partitions on the broker")
    equal(20, len(world.consume("growing")), "records that were there before")
    contains(world.event("growing", "PartitionsGrown"), "from 2 to 5", "the event")


def shrinking_refused(world):
    world.write("firm.yaml", topic("firm", partitions=3, topicName="Firm_Name"))
    world.ready("Topic", "firm")
    for spec, words in (({"partitions": 2}, r"spec\.partitions: .*can't become fewer"), ({"topicName": "Other"}, r"topicName can't be changed"),
                        ({"partitions": 0}, r"spec\.partitions: ")):
        since = len(world.operator.lines)
        world.write("firm.yaml", topic("firm", **{"partitions": 3, "topicName": "Firm_Name", **spec}))
        world.said(rf"firm\.yaml:\d+: .*{words}", since=since)
    equal(3, world.partitions("Firm_Name"), "partitions after all that")
    world.remove("firm.yaml")


def bad_config(world):
    """What the schema can't see: a condition that names the key, and the topic is made once it is put right."""
    world.write("wrong.yaml", topic("wrong", config={"retention.ms": "soon"}))
    told = world.until("Topic", "wrong", lambda t: condition(t).get("status") == "False", "not Ready")
    contains(condition(told)["message"], "retention.ms", "the condition")
    world.write("wrong.yaml", topic("wrong", config={"retention.ms": "60000"}))
    world.ready("Topic", "wrong")


def deleted_and_made_again(world):
    world.write("again.yaml", topic("again", partitions=2))
    first = world.ready("Topic", "again")
    world.produce("again", range(10))
    world.remove("again.yaml")
    world.gone("Topic", "again")
    equal(0, world.partitions("again"), "partitions of the deleted topic")
    world.write("again.yaml", topic("again"))
    second = world.ready("Topic", "again")
    check(first["status"]["topicId"] != second["status"]["topicId"], "the topic has the old id")
    equal([], world.consume("again"), "records of the new one")


def retained(world):
    world.write("kept.yaml", topic("kept", deletionPolicy="Retain"))
    world.ready("Topic", "kept")
    world.produce("kept", range(10))
    world.remove("kept.yaml")
    world.gone("Topic", "kept")
    equal(10, len(world.consume("kept")), "records after the resource is gone")
    world.write("kept.yaml", topic("kept", partitions=4, adoptionPolicy="Refuse"))
    contains(world.not_ready("kept", "AdoptionRefused"), "kept", "the condition")
    equal(1, world.partitions("kept"), "partitions of what it may not touch")
    world.write("kept.yaml", topic("kept", partitions=4))
    world.ready("Topic", "kept")
    equal(4, world.partitions("kept"), "partitions once it was adopted")
    equal(10, len(world.consume("kept")), "records after it was adopted")


def second_resource(world):
    """Two resources for one topic: the older one has it, and deleting the other harms nothing."""
    world.write("mine.yaml", topic("mine", partitions=2))
    world.ready("Topic", "mine")
    world.write("mine-too.yaml", topic("mine-too", topicName="mine", partitions=9))
    contains(world.not_ready("mine-too", "ResourceConflict"), "mine", "the condition")
    world.event("mine-too", "ResourceConflict")
    world.remove("mine-too.yaml")
    world.gone("Topic", "mine-too")
    equal(2, world.partitions("mine"), "partitions")


def before_its_cluster(world):
    """It waits, and can be deleted all the same; once the Cluster is there, it is made."""
    world.write("early.yaml", topic("early", "nowhere"))
    contains(world.not_ready("early", "ClusterNotFound"), "nowhere", "the condition")
    world.remove("early.yaml")
    world.gone("Topic", "early")


def many(world):
    """A hundred at once, and gone again."""
    world.write("many.yaml", *[topic(f"many-{i:03}") for i in range(100)])

    def ready():
        return sum(t["metadata"]["name"].startswith("many-") and condition(t).get("status") == "True" for t in world.objects("Topic"))
    eventually(lambda: ready() == 100, "100 topics are Ready", 30)
    world.remove("many.yaml")
    eventually(lambda: not any(t["metadata"]["name"].startswith("many-") for t in world.objects("Topic")), "they are gone", 30)
    equal(0, world.partitions("many-000"), "partitions of a deleted one")


def run(session):
    world = session.world().up()
    session.run("topic_partitions_grow", partitions_grow, world)
    session.run("topic_shrinking_is_refused", shrinking_refused, world)
    session.run("topic_bad_config", bad_config, world)
    session.run("topic_deleted_and_made_again", deleted_and_made_again, world)
    session.run("topic_retained", retained, world)
    session.run("topic_second_resource", second_resource, world)
    session.run("topic_before_its_cluster", before_its_cluster, world)
    session.run("topic_many", many, world)
