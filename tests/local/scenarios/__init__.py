"""The groups of scenarios; they run beside each other, each in its own order."""

from . import autoscaling, brokers, clusters, drift, external, files, healing, metrics, operators, rolls, scaling, several, topics, upgrades, volumes

GROUPS = {"autoscaling": autoscaling.run, "broker-autoscaling": autoscaling.run_brokers, "files": files.run, "topics": topics.run, "drift": drift.run,
          "brokers": brokers.run, "clusters": clusters.run, "operators": operators.run, "several": several.run, "rolls": rolls.run, "scaling": scaling.run,
          "healing": healing.run,
          "lag": metrics.run_lag, "throughput": metrics.run_throughput, "external": external.run, "upgrades": upgrades.run,
          "volumes": volumes.run}
