"""What chaos does to the nodes of a cluster in network namespaces. Each fault has begin() and end(), hurts one node, and says what it is."""

import contextlib
import pathlib
import shutil

from harness.network import CLIENTS
from harness.process import run as run_process

FAULTS = pathlib.Path(__file__).parents[1] / "faults"
DISK = "64m"
HOUR_MS = 3_600_000


class SmallDisk:
    """A node's data on a small disk of its own (tmpfs), which can be full."""

    def __init__(self, node):
        self._path, self._filler = node.data, node.data / "filler"
        self._path.mkdir(parents=True)
        run_process(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", self._path])

    def fill(self):
        with open(self._filler, "wb", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while filler.write(bytes(size)) == size:
                        pass

    def clear(self):
        self._filler.unlink()

    def close(self, keep):
        """keep: what is on it goes on in the directory `data.kept` beside it."""
        if keep:
            shutil.copytree(self._path, self._path.with_suffix(".kept"), ignore=shutil.ignore_patterns(self._filler.name))
        run_process(["umount", "-l", self._path], check=False)


class Clock:
    """A node's wall clock, which can jump."""

    def __init__(self, session, node):
        library = session.directory / "jumping_clock.so"
        if not library.exists():
            run_process(["gcc", "-shared", "-fPIC", "-O2", "-o", library, FAULTS / "jumping_clock.c"])
        self._control = node.directory / "clock"
        node.environment.update({"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(self._control)})

    def off_by(self, ms):
        fresh = self._control.with_suffix(".new")
        fresh.write_text(f"{ms}\n")
        fresh.rename(self._control)


class Fault:
    what = "?"

    def __init__(self, ground, node, chance):
        self.ground, self.node = ground, node
        self.hurts = ("node", node.node_id)  # one fault at a time of each

    def __str__(self):
        return f"node {self.node.node_id} ({self.node.kind}): {self.what}"


class Killed(Fault):
    what = "kill -9"

    def begin(self):
        self.node.kill()

    def end(self):
        self.node.launch()


class Paused(Fault):
    what = "SIGSTOP"

    def begin(self):
        self.node.pause()

    def end(self):
        self.node.resume()


class _NetworkFault(Fault):
    """Between the node and all others, or some of them."""

    from_clients = False
    hears = speaks = False  # what is left

    def __init__(self, ground, node, chance, others=None):
        super().__init__(ground, node, chance)
        self._others = others or [i for i in ground.nodes if i != node.node_id] + ([CLIENTS] if self.from_clients else [])

    def begin(self):
        self.node.apart = True
        for source, target in self._ways():
            self._hurt(source, target)

    def end(self):
        for source, target in self._ways():
            self.ground.cluster.network.mend(source, target)
        self.node.apart = False

    def _ways(self):
        me = self.node.node_id
        return [way for other in self._others for way in ([] if self.hears else [(other, me)]) + ([] if self.speaks else [(me, other)])]

    def _hurt(self, source, target):
        self.ground.cluster.network.cut(source, target)


class CutFromNodes(_NetworkFault):
    what = "cut from the other nodes"


class CutFromAll(_NetworkFault):
    what = "cut from nodes and clients"
    from_clients = True


class Deaf(_NetworkFault):
    what = "hears no other node"
    speaks = True


class Mute(_NetworkFault):
    what = "can't be heard by the other nodes"
    hears = True


class CutFromOne(_NetworkFault):
    """Both can still be reached by the third: the network isn't transitive."""

    def __init__(self, ground, node, chance):
        other = chance.choice([i for i in ground.nodes if i != node.node_id])
        super().__init__(ground, node, chance, [other])
        self.what = f"cut from node {other}"


class Lossy(_NetworkFault):
    from_clients = True

    def __init__(self, ground, node, chance):
        super().__init__(ground, node, chance)
        self._share = chance.choice([0.02, 0.1, 0.3])
        self.what = f"{self._share:.0%} of its packets are lost"

    def _hurt(self, source, target):
        self.ground.cluster.network.lose(source, target, self._share)


class FullDisk(Fault):
    what = "full disk"

    def begin(self):
        self.ground.disks[self.node.node_id].fill()

    def end(self):
        self.ground.disks[self.node.node_id].clear()


class WrongClock(Fault):
    """A jump, and one back. By more than a week forward records would be old enough to be deleted, by more than an hour backward those of
    producers would lie too far in the future (message.timestamp.after.max.ms)."""

    def __init__(self, ground, node, chance):
        super().__init__(ground, node, chance)
        self.hurts = ("clock", node.node_id)
        self._ms = chance.choice([-HOUR_MS * 9 // 10, -60_000, -1500, 1500, 60_000, HOUR_MS, 24 * HOUR_MS])
        self.what = f"its clock jumps by {self._ms} ms"

    def begin(self):
        self.ground.clocks[self.node.node_id].off_by(self._ms)

    def end(self):
        self.ground.clocks[self.node.node_id].off_by(0)


ALL = [Killed, Killed, Paused, CutFromNodes, CutFromAll, Deaf, Mute, CutFromOne, Lossy, FullDisk, WrongClock]
