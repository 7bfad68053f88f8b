"""The scenario modules, in the order in which they run: each has scenarios(world)."""

from . import clusters, faults, image, install, metrics, quickstart, replicated, topics, uninstall

MODULES = [image, install, quickstart, topics, metrics, clusters, replicated, faults, uninstall]
