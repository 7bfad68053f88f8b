"""The scenario modules, in the order in which they run: each has scenarios(world)."""

from . import clusters, faults, install, metrics, quickstart, topics, uninstall

MODULES = [install, quickstart, topics, metrics, clusters, faults, uninstall]
