"""Reads from an API server: for polling, where starting kubectl each time would be most of the load."""

import http.client
import json
import ssl

CORE = ("pods", "services", "persistentvolumeclaims", "configmaps", "serviceaccounts", "nodes", "namespaces")
GROUPS = {
    "clusters": "apis/dohle.dev/v1alpha1", "topics": "apis/dohle.dev/v1alpha1", "deployments": "apis/apps/v1",
    "leases": "apis/coordination.k8s.io/v1", "events": "apis/events.k8s.io/v1", "poddisruptionbudgets": "apis/policy/v1",
    "customresourcedefinitions": "apis/apiextensions.k8s.io/v1", "roles": "apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "apis/rbac.authorization.k8s.io/v1", "clusterroles": "apis/rbac.authorization.k8s.io/v1",
    "clusterrolebindings": "apis/rbac.authorization.k8s.io/v1", "endpointslices": "apis/discovery.k8s.io/v1",
    **{kind: "api/v1" for kind in CORE},
}


class Api:
    """The API server of a lab, from inside its network, with the administrator's certificate."""

    def __init__(self, pki):
        self._context = ssl.create_default_context(cafile=pki / "ca.crt")
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def get(self, kind, name, namespace=None):
        """The object, or None if it isn't there."""
        return self._ask(self._path(kind, namespace) + "/" + name)

    def list(self, kind, namespace=None, selector=""):
        """Objects; of all namespaces if none is given; [] if the kind isn't served."""
        path = self._path(kind, namespace) + (f"?labelSelector={selector}" if selector else "")
        found = self._ask(path)
        return found["items"] if found else []

    def is_up(self):
        try:
            return self._ask("/readyz", parse=False) is not None
        except (OSError, http.client.HTTPException):
            return False

    @staticmethod
    def _path(kind, namespace):
        return f"/{GROUPS[kind]}" + (f"/namespaces/{namespace}" if namespace else "") + f"/{kind}"

    def _ask(self, path, parse=True):
        connection = http.client.HTTPSConnection("127.0.0.1", 6443, context=self._context, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            if response.status == 404:
                return None
            if response.status != 200:
                raise OSError(f"GET {path}: {response.status} {body[:300]!r}")
            return json.loads(body) if parse else body
        finally:
            connection.close()
