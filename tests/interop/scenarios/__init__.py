"""The scenario modules, in the order in which they run: each has run(session)."""

from . import admin_client, chaos, clients, cluster, exchange, java, killing, metrics, storage_faults, tools

MODULES = [java, clients, tools, admin_client, metrics, exchange, killing, storage_faults, cluster, chaos]
