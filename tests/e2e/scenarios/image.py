"""The broker's image on a real kubelet, without the operator: read-only root, not root, data on a claim."""

from harness.scenario import equal
from world import VERSION, incarnation, pod_ready

import deadlines

NAME = "bare"  # the namespace, and all in it
CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": NAME},
         "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Mi"}}}}


def pod():
    probe = {"httpGet": {"path": "/readyz", "port": 9404}, "periodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME}, "spec": {
        "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 10,
        "securityContext": {"runAsNonRoot": True, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "broker", "image": f"localhost/dohle-broker:{VERSION}", "imagePullPolicy": "Never",
            "args": ["/etc/dohle/server.properties", "--override", "log.dirs=/var/lib/dohle/data",
                     "--override", "advertised.listeners=PLAINTEXT://$(POD_IP):9092"],
            "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "readinessProbe": probe, "livenessProbe": {**probe, "httpGet": {"path": "/healthz", "port": 9404}},
            "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "data", "mountPath": "/var/lib/dohle/data"}]}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": NAME}}]}}


def broker_image(world):
    world.namespace(NAME)
    world.apply([CLAIM, pod()], NAME)
    first = world.until("pods", NAME, pod_ready, "Ready", deadlines.POD_BACK, NAME)
    address = first["status"]["podIP"] + ":9092"
    world.kcat(address, "-P", "-t", "letters", "-X", "acks=all", stdin="".join(f"{i}\n" for i in range(1000)))
    world.signal(first, "broker")
    world.until("pods", NAME, lambda p: pod_ready(p) and incarnation(p) != incarnation(first), "Ready after kill -9",
                deadlines.POD_BACK, NAME)
    out = world.kcat(address, "-C", "-t", "letters", "-o", "beginning", "-e", "-q")
    equal(sorted(map(str, range(1000))), sorted(out.split()), "records after kill -9")
    world.leave(NAME)


def scenarios(world):
    world.run("image_of_the_broker", broker_image)
