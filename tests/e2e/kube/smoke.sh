#!/usr/bin/env bash
# With the lab up, by `lab smoke`: pods with volumes, names, services, probes, restarts, validation by a CRD. About 20 s.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=component.sh
STATE='' RUN=/nonexistent . "$here/component.sh"
all_alive() { true; } # the components' pids are those of another namespace
trap 'echo "smoke failed at line $LINENO: $BASH_COMMAND" >&2' ERR

kubectl apply -f "$here/smoke" >/dev/null
for set in web brk; do kubectl rollout status "sts/$set" --timeout=90s; done

names=$(for i in 0 1 2; do kubectl exec brk-0 -c brk -- nc "brk-$i.brk-headless" 9092; done | tr '\n' ' ')
[[ $names == "brk-0 brk-1 brk-2 " ]]
say "a headless service names its pods"
kubectl exec brk-0 -c brk -- wget -qO- http://web/ | grep -q web-
say "a cluster address reaches a pod"

kubectl exec web-1 -- rm /tmp/ready
restarted() {
  [[ $(kubectl get pod web-1 -o jsonpath='{.status.containerStatuses[0].restartCount}/{.status.containerStatuses[0].ready}') == 1/true ]]
}
wait_for 30 "a failed liveness probe restarts" restarted
kubectl exec web-2 -- rm /tmp/w/healthz
kubectl wait --for=condition=Ready=false pod/web-2 --timeout=20s
say "a failed readiness probe shows"

! printf 'apiVersion: lab.example.com/v1\nkind: Broker\nmetadata: {name: b}\nspec: {replicas: 4}\n' |
  kubectl apply -f - 2>/dev/null
say "a CRD refuses"

kubectl delete -f "$here/smoke" --wait >/dev/null
kubectl wait --for=delete pod -l 'app in (web,brk)' --timeout=30s
kubectl get nodes
say "smoke ok"
