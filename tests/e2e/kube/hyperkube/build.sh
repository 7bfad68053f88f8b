#!/usr/bin/env bash
# Builds hyperkube (every Kubernetes component, kubectl, etcd, CoreDNS, the volume provisioner) and helm into the folder OUT,
# with the Go compiler GO.
set -euo pipefail
cd "$(dirname "$0")"
kubernetes=1.34.4 helm=3.19.5
minor=${kubernetes#*.}
stamps="-X helm.sh/helm/v3/internal/version.version=v$helm"
for package in pkg/chartutil pkg/lint/rules; do # what `helm template` and `helm lint` take a server to be
  stamps+=" -X helm.sh/helm/v3/$package.k8sVersionMajor=${kubernetes%%.*} -X helm.sh/helm/v3/$package.k8sVersionMinor=${minor%.*}"
done
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  for stamp in gitVersion=v$kubernetes gitMajor=${kubernetes%%.*} gitMinor=${minor%.*} gitTreeState=clean \
    gitCommit=0000000000000000000000000000000000000000 buildDate=2025-01-01T00:00:00Z; do
    stamps+=" -X $package.$stamp"
  done
done
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -mod=readonly -modcacherw"
exec "${GO:-go}" build -trimpath -tags notest -ldflags "-s -w $stamps" -o "$OUT" . helm.sh/helm/v3/cmd/helm
