//! The settings of the node's components, as their files and arguments say them.

use crate::netns::{ADDRESS, DNS};
use anyhow::Result;
use serde_json::json;
use std::fs;
use std::path::Path;

/// The addresses of Pods and of Services.
const PODS: &str = "198.18.0.0/16,fd00:198:18::/56";
const SERVICES: &str = "198.19.0.0/16,fd00:198:19::/112";
/// The image of the containers that hold a Pod's namespaces.
pub(crate) const PAUSE: &str = "heddle.test/pause:test";

/// Writes the files of containerd, its network plugin, the kubelet, kube-proxy, CoreDNS and the audit log.
pub(crate) fn write(folder: &Path, programs: &Path) -> Result<()> {
    let at = |name: &str| folder.join(name).display().to_string();
    fs::create_dir_all(folder.join("cni"))?;
    let cni = json!({
        "cniVersion": "1.0.0", "name": "node",
        "plugins": [
            {
                "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
                "ipam": {"type": "host-local", "dataDir": at("ipam"), "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
                         "ranges": [[{"subnet": "198.18.0.0/24", "rangeStart": "198.18.0.10"}],
                                    [{"subnet": "fd00:198:18::/64", "rangeStart": "fd00:198:18::10"}]]},
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    fs::write(folder.join("cni/10-node.conflist"), cni.to_string())?;
    fs::write(folder.join("containerd.toml"), containerd(folder, programs))?;
    let kubelet = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {"anonymous": {"enabled": false}, "x509": {"clientCAFile": at("ca.crt")}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs", "failCgroupV1": false, "failSwapOn": false,
        "clusterDNS": [DNS], "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": format!("unix://{}", at("containerd.sock")),
        "enforceNodeAllocatable": [], "localStorageCapacityIsolation": false,
        "evictionHard": {"nodefs.available": "0%", "imagefs.available": "0%", "memory.available": "0%"},
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        "resolvConf": at("resolv.conf"), "syncFrequency": "10s", "volumePluginDir": at("volume-plugins"),
    });
    fs::write(folder.join("kubelet.json"), kubelet.to_string())?;
    let proxy = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "mode": "nftables", "clusterCIDR": PODS, "hostnameOverride": "node",
        "clientConnection": {"kubeconfig": at("kube-proxy.kubeconfig")},
        "conntrack": {"maxPerCore": 0, "min": 0},
    });
    fs::write(folder.join("kube-proxy.json"), proxy.to_string())?;
    fs::write(folder.join("resolv.conf"), "")?;
    let corefile = format!(
        ".:53 {{\n  bind {DNS}\n  errors\n  kubernetes cluster.local in-addr.arpa ip6.arpa {{\n    kubeconfig {} node\n    \
         pods insecure\n  }}\n  cache 5\n}}\n",
        at("admin.kubeconfig")
    );
    fs::write(folder.join("Corefile"), corefile)?;
    fs::write(folder.join("audit.json"), audit())?;
    Ok(())
}

fn containerd(folder: &Path, programs: &Path) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "version = 3\nroot = '{root}'\nstate = '{state}'\n[grpc]\naddress = '{socket}'\n\
         [plugins.'io.containerd.cri.v1.images']\nsnapshotter = 'overlayfs'\n\
         [plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = '{PAUSE}'\n\
         [plugins.'io.containerd.cri.v1.runtime']\nrestrict_oom_score_adj = true\n\
         netns_mounts_under_state_dir = true\n\
         [plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dirs = ['{plugins}', '/usr/lib/cni']\nconf_dir = '{cni}'\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\nruntime_type = 'io.containerd.runc.v2'\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\nBinaryName = '{runc}'\n\
         SystemdCgroup = false\n",
        root = at("containerd"),
        state = at("containerd-state"),
        socket = at("containerd.sock"),
        cni = at("cni"),
        plugins = at("cni-bin"),
        runc = programs.join("runc").display(),
    )
}

/// Returns the arguments of the API server.
pub(crate) fn apiserver(folder: &Path) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        "--etcd-servers=http://127.0.0.1:2379".into(),
        "--secure-port=6443".into(),
        format!("--advertise-address={ADDRESS}"),
        "--allow-privileged=true".into(),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--tls-cert-file={}", file("apiserver.crt")),
        format!("--tls-private-key-file={}", file("apiserver.key")),
        format!("--kubelet-client-certificate={}", file("apiserver-kubelet.crt")),
        format!("--kubelet-client-key={}", file("apiserver-kubelet.key")),
        "--kubelet-preferred-address-types=InternalIP".into(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        format!("--service-account-signing-key-file={}", file("accounts.key")),
        format!("--service-account-key-file={}", file("accounts.pub")),
        format!("--service-cluster-ip-range={SERVICES}"),
        format!("--cert-dir={}", file("certificates")),
        format!("--audit-log-path={}", file("audit.log")),
        format!("--audit-policy-file={}", file("audit.json")),
    ]
}

/// Returns the arguments of the controller manager.
pub(crate) fn controller_manager(folder: &Path) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--kubeconfig={}", file("kube-controller-manager.kubeconfig")),
        "--leader-elect=false".into(),
        "--use-service-account-credentials=true".into(),
        format!("--service-account-private-key-file={}", file("accounts.key")),
        format!("--root-ca-file={}", file("ca.crt")),
        "--allocate-node-cidrs=true".into(),
        format!("--cluster-cidr={PODS}"),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--node-cidr-mask-size-ipv4=24".into(),
        "--node-cidr-mask-size-ipv6=64".into(),
    ]
}

/// Requests of Heddle's ServiceAccount are logged, and no others.
fn audit() -> String {
    let users = ["system:serviceaccount:heddle-system:heddle"];
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": users}, {"level": "None"}],
    });
    policy.to_string()
}
