"""Brokers come to another image and back, the cluster's feature levels follow after a soak, and what nobody asks for restarts nobody."""

from harness.scenario import check, equal
from world import condition

LONG = 60  # seconds for a restart of the broker with all that follows
OLDER, NEWER = "29", "30"  # of metadata.version: of Kafka 4.2, and of the broker's own release


def _cluster(world, soak, **more):
    # The cluster is made as one of an older release was.
    return world.cluster(config={"dohle.release.version": "4.2"}, upgrade={"soakSeconds": soak}, **more)


def _upgrade(world):
    return world.get("Cluster", "main")["status"]["upgrade"]


def _level(world):
    return _upgrade(world)["levels"]["metadata.version"]


def soaks(world):
    """The cluster is ready, and its plan says until when the levels wait."""
    world.produce("books", range(100))

    def waits(cluster):
        return any(step["object"] == "Feature/metadata.version" and "it soaks until" in step.get("blockedBy", "") for step in cluster["status"].get("plan", []))
    cluster = world.until("Cluster", "main", waits, "it soaks", LONG)
    equal("True", condition(cluster).get("status"), "Ready")
    equal(OLDER, _level(world), "metadata.version")


def there_and_back(world):
    """Another image, and back before the soak has ended: two restarts, no level is raised, no record lost."""
    first, before = _upgrade(world), world.broker_pid()
    world.write("cluster.yaml", _cluster(world, 3600, image="dohle-broker:other"))
    world.until("Cluster", "main", lambda c: c["status"]["upgrade"].get("image") == "dohle-broker:other", "the other image", LONG)
    world.ready("Cluster", "main", LONG)
    other = world.broker_pid()
    check(other not in (None, before), f"process {before}, then {other}")
    world.write("cluster.yaml", _cluster(world, 3600, image=first["image"]))
    world.until("Cluster", "main", lambda c: c["status"]["upgrade"].get("image") == first["image"], "the first image", LONG)
    world.ready("Cluster", "main", LONG)
    equal(OLDER, _level(world), "metadata.version")
    equal(["dohle-broker:other", first["image"]], [i["image"] for i in _upgrade(world)["images"]], "images that ran")
    world.answering()
    equal(100, len(world.consume("books")), "records")


def raised(world):
    """After the soak the levels are those of the version, an event has the figures, and no broker was restarted for it."""
    before = world.broker_pid()
    world.write("cluster.yaml", _cluster(world, 1))
    world.until("Cluster", "main", lambda c: c["status"]["upgrade"]["levels"].get("metadata.version") == NEWER, "the level is raised", LONG)
    note = world.event("main", "RaiseFeatureLevel")
    check(f"metadata.version {OLDER} to {NEWER}: 1 brokers run " in note, note)
    world.until("Cluster", "main", lambda c: "levelsOf" in c["status"]["upgrade"] and "plan" not in c["status"], "nothing is left to do", LONG)
    world.ready("Cluster", "main", LONG)
    equal(before, world.broker_pid(), "process; an image that isn't named any more goes on")
    equal(100, len(world.consume("books")), "records")


def run(session):
    world = session.world()
    world.write("cluster.yaml", _cluster(world, 3600))
    world.start()
    world.ready("Cluster", "main", LONG)
    session.run("upgrades_soak", soaks, world)
    session.run("upgrades_there_and_back", there_and_back, world)
    session.run("upgrades_raise_levels", raised, world)
