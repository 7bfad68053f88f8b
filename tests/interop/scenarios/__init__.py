"""The scenario modules, in the order in which they run: each has run(session)."""

from . import clients, exchange, java, killing, metrics, storage_faults, tools

MODULES = [java, clients, tools, metrics, exchange, killing, storage_faults]
