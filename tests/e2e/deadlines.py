"""How long anything may take before a scenario gives up, in seconds. The one place for it.

They tell what hangs from what is slow: machines under load stretch them by DOHLE_E2E_PATIENCE=4. Figures are printed, and judged elsewhere
(docs/performance.md).
"""

import os

PATIENCE = float(os.environ.get("DOHLE_E2E_PATIENCE") or 1)

HELM = 120 * PATIENCE  # an install, upgrade, test or uninstall, which wait for their pods
CLUSTER_READY = 60 * PATIENCE  # from apply to the condition Ready
TOPIC_READY = 20 * PATIENCE
CHANGE_SEEN = 20 * PATIENCE  # a changed resource, on the broker
DRIFT_MENDED = 40 * PATIENCE  # what somebody else changed on the broker is looked for from time to time only
POD_BACK = 60 * PATIENCE  # from a kill to Ready, back-off of the kubelet included
GONE = 60 * PATIENCE  # from delete until nothing is left
METRICS_AGREE = 40 * PATIENCE  # the operator reads them from time to time
KCAT = 30 * PATIENCE
TAKE_OVER = 30 * PATIENCE  # the leader is killed or hangs, the other replica leads
