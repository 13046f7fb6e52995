//! What is in a cluster before anybody uses it.

use serde_json::Value;

use crate::api::KUBERNETES_VERSION;
use crate::json::json;
use crate::world::Ctx;

const NODES: [(&str, &str); 2] = [("sandbox-1", "192.168.64.11"), ("sandbox-2", "192.168.64.12")];

/// Puts the first objects into an empty store.
pub(crate) fn install(ctx: &mut Ctx<'_>) {
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        put(
            ctx,
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            }),
        );
        super::namespace::run(ctx, name);
    }
    for (at, (name, address)) in NODES.into_iter().enumerate() {
        let node = node(name, address, at, &ctx.time());
        put(ctx, node);
        ctx.world.nodes.insert(name.to_owned(), Default::default());
    }
    put(
        ctx,
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "disk.sandbox.backstay.dev", "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": true,
        }),
    );
    for (name, value) in [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)]
    {
        put(
            ctx,
            json!({
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                "metadata": {"name": name}, "value": value, "preemptionPolicy": "PreemptLowerPriority",
            }),
        );
    }
    put(
        ctx,
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
                "sessionAffinity": "None",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]},
            "status": {"loadBalancer": {}},
        }),
    );
}

/// As the API server itself would: what is here needs no checks.
fn put(ctx: &mut Ctx<'_>, object: Value) {
    // The store is empty: nothing is there already.
    let _ = ctx.store.create(object, ctx.now);
}

fn node(name: &str, address: &str, at: usize, now: &Value) -> Value {
    let condition = |kind: &str, truth: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": truth, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now})
    };
    let amounts = json!({
        "cpu": "4", "memory": "16384Mi", "ephemeral-storage": "100Gi", "pods": "110",
        "hugepages-1Gi": "0", "hugepages-2Mi": "0",
    });
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
                "topology.kubernetes.io/region": "sandbox",
                "topology.kubernetes.io/zone": format!("sandbox-{}", if at == 0 { "a" } else { "b" }),
            },
        },
        "spec": {"podCIDR": format!("10.244.{at}.0/24"), "podCIDRs": [format!("10.244.{at}.0/24")],
            "providerID": format!("sandbox://{name}")},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "allocatable": amounts, "capacity": amounts,
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "osImage": "Backstay sandbox",
                "containerRuntimeVersion": "containerd://2.2.0", "kubeletVersion": KUBERNETES_VERSION,
                "kubeProxyVersion": "", "kernelVersion": "6.12.0", "machineID": name, "systemUUID": name, "bootID": name,
            },
        },
    })
}
