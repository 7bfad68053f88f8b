"""A real Kubernetes on one machine, in namespaces of its own: see README.md.

The lab lives in a network, a mount and a pid namespace, so its ports, addresses, packet filters and mounts touch nothing of
the machine's, and all of it ends with one process. What remains outside: a directory of state, and control groups.
"""

import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import packages
from harness.process import Failure, run
from harness.scenario import eventually

HERE = pathlib.Path(__file__).resolve().parent
RUN = "/run/kubelab"  # inside the mount namespace

# Kernel settings that belong to no namespace: a kubelet sets them, here on a copy.
_SETTINGS = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
             "kernel/keys/root_maxbytes"]

_NAMESPACE_SCRIPT = r"""
set -e
pause=$1; state=$2; shift 2
mount --make-rprivate /
mount -t proc proc /proc
for setting in "$@"; do
  cp "/proc/sys/$setting" "$state/settings/${setting//\//.}"
  mount --bind "$state/settings/${setting//\//.}" "/proc/sys/$setting"
done
for directory in /run /var/log; do mount -t tmpfs tmpfs "$directory"; done
mkdir -p /var/lib/cni && mount -t tmpfs tmpfs /var/lib/cni
mount --make-rshared /
exec "$pause"
"""


def programs():
    """The folder with hyperkube, kubectl, helm, pause and the base images; built at the first need and when they change."""
    sources = [*sorted((HERE / "hyperkube").iterdir()), *sorted((HERE / "images").glob("*.*"))]
    key = "".join(f.read_text() for f in sources)
    return packages.made_once("kubelab", key, _build)


def _build(directory):
    print("building Kubernetes (some minutes, once)", flush=True)
    # Caches of their own, deleted afterwards: they are 4 GB. DOHLE_KUBELAB_GO_CACHE names others that stay.
    kept = os.environ.get("DOHLE_KUBELAB_GO_CACHE")
    with tempfile.TemporaryDirectory(dir=packages.CACHE, prefix="kubelab-go-") as temporary:
        caches = pathlib.Path(kept or temporary)
        environment = {**os.environ, "GO": packages.go(), "OUT": f"{directory}/", "GOMODCACHE": f"{caches}/mod",
                       "GOCACHE": f"{caches}/build", "GOTOOLCHAIN": "local"}
        run(["nice", "-n", "10", HERE / "hyperkube/build.sh"], timeout_s=3600, env=environment)
    (directory / "kubectl").symlink_to("hyperkube")
    run(["musl-gcc", "-static", "-Os", "-s", "-o", directory / "pause", HERE / "images/pause.c"])
    image(directory / "pause.tar", "localhost/kubelab/pause:1", f"{directory}/pause:/pause", "--entrypoint", '["/pause"]')
    busybox = packages.command("busybox", "busybox-static")
    names = run([busybox, "--list"])[1].split()
    image(directory / "busybox.tar", "localhost/kubelab/busybox:1", f"{busybox}:/bin/busybox",
          *[f"/bin/{name}->/bin/busybox" for name in names if name != "busybox"], "--cmd", '["/bin/sh"]')


def image(tar, name, *arguments):
    """A docker archive from local files, see images/mkimage.py."""
    run([sys.executable, HERE / "images/mkimage.py", tar, name, *arguments])


class Lab:
    """One cluster, by name; several may be up at a time. Every method may raise Failure."""

    def __init__(self, name="default"):
        self.name = name
        self.state = packages.CACHE / "kubelab" / name
        self.kubeconfig = self.state / "conf/admin.kubeconfig"
        self.control_group = f"kubelab-{name}"
        self._lock = None

    @property
    def nodes(self):
        return [d.name for d in sorted((self.state / "data").glob("n[1-9]"))]

    def up(self, nodes=1, mode="all", images=()):
        """Starts it from nothing, with these image archives on every node. A lab of this name that is up is taken down."""
        if os.geteuid() != 0:
            raise Failure("a Kubernetes with kubelets needs root")
        binaries = programs()
        self.down()
        for part in ("images", "logs", "settings"):
            (self.state / part).mkdir(parents=True)
        self.state.chmod(0o700)  # it holds keys
        for i, archive in enumerate(images):
            os.link(archive, self.state / f"images/{i}.tar") if _same_device(archive, self.state) else shutil.copy(
                archive, self.state / f"images/{i}.tar")
        self._enter_namespaces(binaries)
        environment = {**os.environ, "BIN": str(binaries), "STATE": str(self.state), "RUN": RUN, "NODES": str(nodes),
                       "CGROUP": self.control_group}
        done = subprocess.run(self._inside("mnp") + [str(HERE / "up.sh"), mode], env=environment, stdin=subprocess.DEVNULL,
                              check=False)
        if done.returncode != 0:
            raise Failure(f"the lab did not come up; logs are in {self.state}/logs")

    def _enter_namespaces(self, binaries):
        with open(self.state / "logs/namespaces.log", "w") as log:
            holder = subprocess.Popen(
                ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", _NAMESPACE_SCRIPT, "kubelab",
                 binaries / "pause", self.state, *_SETTINGS],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

        def first_process():
            if holder.poll() is not None:
                return "none"
            children = pathlib.Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
            return children and _is(children[0], str(binaries / "pause")) and children[0]

        pid = eventually(first_process, "the lab's namespaces", interval_s=0.01)
        if pid == "none":
            raise Failure(f"no namespaces for the lab: {(self.state / 'logs/namespaces.log').read_text()}")
        (self.state / "pid").write_text(pid)

    def is_up(self):
        return self._pid() is not None

    def _pid(self):
        try:
            pid = (self.state / "pid").read_text()
        except FileNotFoundError:
            return None
        return pid if _is(pid, "/pause") else None

    def first_pid(self):
        """The first process of its namespaces."""
        pid = self._pid()
        if pid is None:
            raise Failure(f"the lab {self.name!r} is not up")
        return pid

    def _inside(self, namespaces):
        return ["nsenter", "-t", self.first_pid(), *[f"-{n}" for n in namespaces]]

    def argv(self, *command):
        """The command line that runs `command` in the lab's network with its KUBECONFIG; files are the machine's."""
        return [*self._inside("n"), "env", f"KUBECONFIG={self.kubeconfig}", f"PATH={programs()}:{os.environ['PATH']}",
                *[str(c) for c in command]]

    def run(self, *command, **options):
        """(exit code, stdout, stderr) of a command in the lab's network, see harness.process.run."""
        return run(self.argv(*command), **options)

    def shell(self, script, **options):
        """A script inside all of the lab's namespaces, with component.sh read."""
        prefix = f"set -euo pipefail; STATE={self.state} RUN={RUN}; . {HERE}/component.sh; "
        return run([*self._inside("mnp"), "bash", "-c", prefix + script], **options)[1]

    def restart(self, component, signal_name="TERM"):
        """Stops a component (etcd, kube-apiserver, kubelet-n1, …) and starts it with the same command line."""
        self.shell(f"stop {component} {signal_name}; restart {component}")

    def import_image(self, archive):
        for node in self.nodes:
            self.ctr(node, "images", "import", archive)

    def ctr(self, node, *arguments):
        """containerd's ctr on a node, in the namespace of Kubernetes."""
        return run([*self._inside("mnp"), "ctr", "--address", f"{RUN}/{node}/containerd.sock", "-n", "k8s.io", *arguments])[1]

    def signal_container(self, node, container, name):
        """A signal ("SIGKILL") to its first process; the kubelet finds out by itself."""
        self.ctr(node, "tasks", "kill", "-s", name, container)

    def down(self):
        """Ends everything and removes the state. Idempotent."""
        pid = self._pid()
        if pid is not None:
            os.kill(int(pid), signal.SIGKILL)  # the first process of a pid namespace takes all others along
            eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists() or _is_zombie(pid), "the lab's end", timeout_s=60)
        eventually(self._without_control_groups, "the lab's control groups are empty")
        shutil.rmtree(self.state, ignore_errors=True)

    def _without_control_groups(self):
        roots = [r for r in (pathlib.Path("/sys/fs/cgroup") / self.control_group,
                             *pathlib.Path("/sys/fs/cgroup").glob(f"*/{self.control_group}")) if r.is_dir()]
        for root in roots:
            for directory, _, _ in os.walk(root, topdown=False):
                try:
                    os.rmdir(directory)
                except OSError as error:
                    raise Failure(str(error)) from None
        return True

    def reserve(self):
        """Waits until no other process has reserved the lab of this name; for as long as this process lives."""
        (packages.CACHE / "kubelab").mkdir(parents=True, exist_ok=True)
        self._lock = open(packages.CACHE / f"kubelab/{self.name}.lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)


def _same_device(a, b):
    return os.stat(a).st_dev == os.stat(b).st_dev


def _is(pid, program_end):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(program_end.encode())
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_zombie(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
