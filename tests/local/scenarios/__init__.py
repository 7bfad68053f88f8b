"""The groups of scenarios; they run beside each other, each in its own order."""

from . import brokers, clusters, drift, external, files, metrics, operators, scaling, several, topics

GROUPS = {"files": files.run, "topics": topics.run, "drift": drift.run, "brokers": brokers.run, "clusters": clusters.run,
          "operators": operators.run, "scaling": scaling.run, "several": several.run, "lag": metrics.run_lag, "throughput": metrics.run_throughput, "external": external.run}
