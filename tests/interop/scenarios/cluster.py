"""Clusters of three nodes: which scenarios there are.

`tests/interop/run --broker dohle --only cluster/` asks a cluster of Dohle nodes, `--nodes dohle,apache,dohle` one of those kinds;
`--broker apache` is the oracle's run. Where a scenario mixes kinds by itself, `--broker` says what stands in for ours.
"""

from harness.process import Failure

from . import cluster_failures, cluster_mixed, cluster_racks, cluster_takeover, cluster_tools

THEMES = [cluster_failures, cluster_racks, cluster_tools, cluster_mixed, cluster_takeover]
# What runs without being asked for: what finds most in the least time. The others have a section of .ci/run.
BY_DEFAULT = ("cluster/failures/kill_leader", "cluster/failures/kill_all", "cluster/failures/pause_controller", "cluster/failures/rolling_restart",
              "cluster/tools/quorum", "cluster/tools/reassignment", "cluster/tools/dumped_files", "cluster/mixed/voters_mostly_ours")


def _wanted(session, name):
    if not session.parts:
        return name in BY_DEFAULT
    return session.wanted(name) and any(part.startswith("cluster") for part in session.parts)


class _SharedGround:
    """One cluster for the scenarios of a theme; a new one after a failure, whose traces would blur the next."""

    def __init__(self, session, theme):
        self._session, self._theme, self._ground = session, theme, None

    def get(self):
        if self._ground is None:
            self._ground = self._theme.ground(self._session, self._theme.NAME).__enter__()
        return self._ground

    def drop(self):
        if self._ground is not None:
            self._ground.__exit__()
            self._ground = None


def _run_theme(session, theme):
    shared = _SharedGround(session, theme)
    try:
        for body in theme.SHARED:
            name = f"cluster/{theme.NAME}/{body.__name__}"
            if _wanted(session, name) and not session.run(name, lambda body=body: body(shared.get())):
                shared.drop()
    finally:
        shared.drop()
    for body in theme.ALONE:
        name = f"cluster/{theme.NAME}/{body.__name__}"
        if _wanted(session, name):
            session.run(name, lambda body=body: body(session))


def run(session):
    for theme in THEMES:
        try:
            _run_theme(session, theme)
        except Failure as failure:
            session.report.result(f"cluster/{theme.NAME}", failure, 0)
