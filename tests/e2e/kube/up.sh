#!/usr/bin/env bash
# Starts a small real Kubernetes, all of it as processes: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
# kube-proxy, for each node a containerd and a kubelet, CoreDNS as a pod, a provisioner of node-local volumes.
#
#   up.sh all|control     control: API server, controllers and etcd only, no containers
#
# Runs inside the namespaces that lab.py made (network, mounts, pids), so ports, addresses, packet filters and mounts are
# the lab's own and vanish with it. From the environment: BIN (programs and base images), STATE (the lab's directory),
# RUN, NODES (1 to 9 kubelets, each with its containerd, pod network, bridge and control group), CGROUP.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=component.sh
. "$here/component.sh"
mode=$1
hyperkube=$BIN/hyperkube
data=$STATE/data logs=$STATE/logs pki=$STATE/pki conf=$STATE/conf
host_bridge=kubelab-n api_ip=10.245.0.254 # node addresses 10.245.0.1 and on live on this bridge
pods=10.244 services=10.96.0.0/16 service_api=10.96.0.1 service_dns=10.96.0.10
api=https://127.0.0.1:6443
mkdir -p "$data/volumes" "$RUN" "$logs" "$pki" "$conf"

kubectl() { "$hyperkube" kubectl --kubeconfig="$conf/admin.kubeconfig" "$@"; }

# --- certificates and kubeconfigs

certificate() { # NAME SUBJECT ALTERNATIVE-NAMES USAGE
  local path=$pki/$1
  [[ ! -f $path.crt ]] || return 0
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$path.key" -subj "$2" -out "$path.csr"
  { echo "extendedKeyUsage=$4"; [[ -z $3 ]] || echo "subjectAltName=$3"; } >"$path.ext"
  openssl x509 -req -in "$path.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 30 \
    -extfile "$path.ext" -out "$path.crt"
} 2>>"$logs/openssl.log"

kubeconfig() { # NAME
  cat >"$conf/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: kubelab, cluster: {server: "$api", certificate-authority: $pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $pki/$1.crt, client-key: $pki/$1.key}}]
contexts: [{name: kubelab, context: {cluster: kubelab, user: $1}}]
current-context: kubelab
YAML
}

make_certificates() {
  local names=DNS:localhost,DNS:kubernetes component
  names+=,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
  if [[ ! -f $pki/ca.crt ]]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$pki/ca.key" -days 30 \
      -subj /CN=kubelab-ca -out "$pki/ca.crt"
    openssl genrsa -out "$pki/sa.key" 2048
    openssl rsa -in "$pki/sa.key" -pubout -out "$pki/sa.pub"
  fi 2>>"$logs/openssl.log"
  certificate apiserver /CN=kube-apiserver "$names,IP:127.0.0.1,IP:$api_ip,IP:$service_api" serverAuth
  certificate apiserver-kubelet-client /CN=kube-apiserver-kubelet-client/O=system:masters "" clientAuth
  certificate front-proxy-client /CN=front-proxy-client "" clientAuth
  certificate admin /CN=admin/O=system:masters "" clientAuth
  kubeconfig admin
  for component in kube-controller-manager kube-scheduler kube-proxy; do
    certificate $component /CN=system:$component "" clientAuth
    kubeconfig $component
  done
}

# --- nodes

make_control_group() { # CGROUP/NODE
  local root
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then # version 2: one tree, children get what their parent hands down
    mkdir -p "/sys/fs/cgroup/$1"
    for root in /sys/fs/cgroup "/sys/fs/cgroup/$CGROUP"; do
      sed 's/\(^\| \)/\1+/g' "$root/cgroup.controllers" >"$root/cgroup.subtree_control"
    done
    return
  fi
  local group
  for root in /sys/fs/cgroup/*/; do # version 1: one tree for each controller
    for group in "$root/$CGROUP" "$root/$1"; do
      [[ -d $group ]] && continue
      mkdir "$group"
      [[ -f $group/cpuset.cpus ]] || continue
      cat "$group/../cpuset.mems" >"$group/cpuset.mems"
      cat "$group/../cpuset.cpus" >"$group/cpuset.cpus"
    done
  done
}

start_containerd() { # NUMBER
  local i=$1 n=n$1
  mkdir -p "$conf/$n/cni" "$RUN/$n"
  ip addr replace "10.245.0.$i/32" dev $host_bridge
  cat >"$conf/$n/cni/10-kubelab.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "kubelab$i", "plugins": [
 {"type": "bridge", "bridge": "kubelab$i", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "$data/$n/cni", "ranges": [[{"subnet": "$pods.$i.0/24"}]],
           "routes": [{"dst": "0.0.0.0/0"}]}},
 {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  # restrict_oom_score_adj: without CAP_SYS_RESOURCE a score below our own can't be set.
  cat >"$conf/$n/containerd.toml" <<TOML
version = 2
root = "$data/$n/containerd"
state = "$RUN/$n/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$RUN/$n/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/kubelab/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$conf/$n/cni"
[plugins."io.containerd.internal.v1.opt"]
  path = "$data/$n/containerd-opt"
TOML
  start "containerd-$n" containerd --config "$conf/$n/containerd.toml"
}

import_images() { # NUMBER
  local tar
  for tar in "$BIN"/*.tar "$STATE"/images/*.tar; do
    [[ ! -f $tar ]] || ctr --address "$RUN/n$1/containerd.sock" -n k8s.io images import "$tar" >>"$logs/images.log" 2>&1
  done
}

start_kubelet() { # NUMBER
  local i=$1 n=n$1
  mkdir -p "$data/$n/kubelet" "$data/$n/manifests" "$data/$n/pod-logs"
  certificate "kubelet-$n" "/O=system:nodes/CN=system:node:$n" "" clientAuth
  certificate "kubelet-$n-server" "/O=system:nodes/CN=system:node:$n" "DNS:$n,IP:10.245.0.$i,IP:127.0.0.1" serverAuth
  kubeconfig "kubelet-$n"
  : >"$conf/resolv.conf"
  make_control_group "$CGROUP/$n"
  cat >"$conf/$n/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 10.245.0.$i
port: 10250
healthzPort: $((10348 + i * 100))
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet-$n-server.crt
tlsPrivateKeyFile: $pki/kubelet-$n-server.key
containerRuntimeEndpoint: unix://$RUN/$n/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP/$n
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
maxOpenFiles: 20000
clusterDNS: [$service_dns]
clusterDomain: cluster.local
resolvConf: $conf/resolv.conf
podLogsDir: $data/$n/pod-logs
staticPodPath: $data/$n/manifests
volumePluginDir: $data/$n/volume-plugins
serializeImagePulls: false
nodeStatusUpdateFrequency: 4s
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
YAML
  start "kubelet-$n" "$hyperkube" kubelet --config="$conf/$n/kubelet.yaml" --kubeconfig="$conf/kubelet-$n.kubeconfig" \
    --hostname-override="$n" --node-ip="10.245.0.$i" --root-dir="$data/$n/kubelet" --cert-dir="$data/$n/kubelet-pki" --v=2
}

start_kube_proxy() { # one for all nodes: they share the lab's network namespace
  cat >"$conf/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
bindAddress: 0.0.0.0
clusterCIDR: $pods.0.0/16
hostnameOverride: n1
clientConnection: {kubeconfig: $conf/kube-proxy.kubeconfig}
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {minSyncPeriod: 100ms, syncPeriod: 30s}
YAML
  start kube-proxy "$hyperkube" kube-proxy --config="$conf/kube-proxy.yaml" --v=1
}

# --- control plane

start_api_server() {
  start etcd "$hyperkube" etcd --unsafe-no-fsync --name n --data-dir "$data/etcd" \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster n=http://127.0.0.1:2380
  # The API server retries until etcd answers, so they start together.
  start kube-apiserver "$hyperkube" kube-apiserver \
    --etcd-servers=http://127.0.0.1:2379 \
    --bind-address=0.0.0.0 --secure-port=6443 --advertise-address="$api_ip" \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" \
    --kubelet-client-key="$pki/apiserver-kubelet-client.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --proxy-client-cert-file="$pki/front-proxy-client.crt" --proxy-client-key-file="$pki/front-proxy-client.key" \
    --requestheader-client-ca-file="$pki/ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
    --requestheader-username-headers=X-Remote-User \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-cluster-ip-range="$services" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --allow-privileged=true --profiling=false --shutdown-delay-duration=0s --v=1
}

start_controllers() {
  local manager=$conf/kube-controller-manager.kubeconfig scheduler=$conf/kube-scheduler.kubeconfig
  start kube-controller-manager "$hyperkube" kube-controller-manager \
    --kubeconfig="$manager" --leader-elect=false --bind-address=127.0.0.1 \
    --authentication-kubeconfig="$manager" --authorization-kubeconfig="$manager" \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" --use-service-account-credentials=true \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --allocate-node-cidrs=false --service-cluster-ip-range="$services" --pvclaimbinder-sync-period=2s \
    --node-monitor-period=2s --node-monitor-grace-period=16s --v=1
  start kube-scheduler "$hyperkube" kube-scheduler \
    --kubeconfig="$scheduler" --leader-elect=false --bind-address=127.0.0.1 \
    --authentication-kubeconfig="$scheduler" --authorization-kubeconfig="$scheduler" --v=1
}

nodes_ready() {
  local path='{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}'
  [[ $(kubectl get nodes -o jsonpath="$path" | grep -c True) -eq $NODES ]]
}

api_ready() {
  curl -fsS --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" "$api/readyz"
}

main() {
  make_certificates
  say "certificates made"
  ip link set lo up
  ip link add $host_bridge type bridge
  ip link set $host_bridge up
  ip addr add $api_ip/32 dev $host_bridge
  if [[ $mode == all ]]; then
    sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
    for i in $(seq "$NODES"); do start_containerd "$i"; done
  fi
  start_api_server
  wait_for 90 "kube-apiserver is ready" api_ready
  start_controllers
  if [[ $mode == all ]]; then
    for i in $(seq "$NODES"); do
      wait_for 30 "containerd of n$i serves" ctr --address "$RUN/n$i/containerd.sock" version
      import_images "$i"
      start_kubelet "$i"
    done
    start_kube_proxy
  fi
  wait_for 60 "kube-controller-manager is healthy" curl -fsSk https://127.0.0.1:10257/healthz
  wait_for 60 "kube-scheduler is healthy" curl -fsSk https://127.0.0.1:10259/healthz
  wait_for 60 "there is a default service account" kubectl -n default get serviceaccount default
  if [[ $mode == all ]]; then
    wait_for 120 "$NODES node(s) ready" nodes_ready
    sed "s,@HYPERKUBE@,$hyperkube," "$here/manifests/dns.yaml" |
      kubectl apply -f - -f "$here/manifests/storage.yaml" >"$logs/apply.log"
    start local-provisioner "$hyperkube" local-provisioner "$conf/admin.kubeconfig" "$data/volumes"
    wait_for 60 "DNS is ready" kubectl -n kube-system rollout status deploy/coredns --timeout=5s
  fi
  all_alive
  say "up"
}

main
