//! A node whose CNI plugin captures Pods' traffic, with namespaces that refuse a container that would.

use crate::world::World;
use std::fs;
use std::path::PathBuf;

const TIGHT: &str = include_str!("tight.yaml");

impl World {
    /// The values of an installation with the plugin, in the folders of this node.
    pub(crate) fn cni_values(&self) -> String {
        let folder = self.node.folder().display().to_string();
        format!("cni.enabled=true,cni.confDir={folder}/cni,cni.binDir={folder}/cni-bin")
    }

    /// Heddle is installed with the plugin.
    pub(crate) fn cni(&self) {
        self.until("the node's runtime calls the plugin", || self.calls_plugin());
        self.kubectl(&["-n", "heddle-system", "rollout", "status", "daemonset/heddle-cni", "--timeout=60s"]);
        self.tight("first");
        self.until("a Pod of a namespace under the restricted profile asks as itself", || {
            let answer = self.get("tight", "pod/first", "http://cart.shop/");
            answer.is_ok_and(|text| text.contains(r#""caller":"spiffe://cluster.local/ns/tight/sa/default""#))
        });

        let nowhere = r#"{"spec": {"template": {"spec": {"nodeSelector": {"nowhere": "yes"}}}}}"#;
        self.kubectl(&["-n", "heddle-system", "patch", "daemonset/heddle-cni", "-p", nowhere]);
        let gone = "--for=jsonpath={.status.currentNumberScheduled}=0";
        self.kubectl(&["-n", "heddle-system", "wait", "daemonset/heddle-cni", gone, "--timeout=60s"]);
        self.until("the keeper of the plugin has ended", || !self.pods_of_cni().contains("heddle-cni"));
        assert!(self.calls_plugin(), "the plugin stays, so that no Pod starts uncaptured");
        self.tight("second");
        self.say("without its keeper the plugin captures a new Pod");

        fs::write(self.conflist(), self.without_plugin()).unwrap();
        self.apply(&TIGHT.replace("NAME", "third"));
        let waits = "jsonpath={.status.initContainerStatuses[?(@.name=='heddle-verify')].state.running}";
        self.until("a Pod that no plugin has captured waits", || {
            !self.kubectl(&["-n", "tight", "get", "pod/third", "-o", waits]).is_empty()
        });
        let anywhere = r#"[{"op": "remove", "path": "/spec/template/spec/nodeSelector"}]"#;
        self.kubectl(&[
            "-n",
            "heddle-system",
            "patch",
            "daemonset/heddle-cni",
            "--type=json",
            "-p",
            anywhere,
        ]);
        self.kubectl(&["-n", "tight", "wait", "pod/third", "--for=condition=Ready", "--timeout=60s"]);
        let restarts = "jsonpath={.status.initContainerStatuses[?(@.name=='heddle-verify')].restartCount}";
        assert_eq!(self.kubectl(&["-n", "tight", "get", "pod/third", "-o", restarts]), "0");
        assert!(self.calls_plugin(), "the entry is there again");
        self.say("it is captured in place");
        fs::write(self.conflist(), self.without_plugin()).unwrap();
        self.until("the plugin survives another agent's rewrite", || self.calls_plugin());
        self.kubectl(&["delete", "namespace", "tight", "--timeout=60s"]);
    }

    /// The plugin leaves the node before Heddle is uninstalled.
    pub(crate) fn cni_removed(&self) {
        self.upgrade("--set=cni.remove=true").unwrap();
        self.until("the plugin is off the node", || {
            !self.calls_plugin() && !self.node.folder().join("cni-bin/heddle-cni").exists()
        });
    }

    fn tight(&self, name: &str) {
        self.apply(&TIGHT.replace("NAME", name));
        let pod = format!("pod/{name}");
        self.kubectl(&["-n", "tight", "wait", &pod, "--for=condition=Ready", "--timeout=60s"]);
        let names = "jsonpath={.spec.initContainers[*].name}";
        assert!(self.kubectl(&["-n", "tight", "get", &pod, "-o", names]).starts_with("heddle-verify "));
    }

    fn pods_of_cni(&self) -> String {
        let pods =
            ["-n", "heddle-system", "get", "pods", "-l", "app.kubernetes.io/name=heddle-cni", "-o", "name"];
        self.kubectl(&pods)
    }

    fn conflist(&self) -> PathBuf {
        self.node.folder().join("cni/10-node.conflist")
    }

    fn calls_plugin(&self) -> bool {
        fs::read_to_string(self.conflist()).unwrap().contains("heddle-cni")
    }

    fn without_plugin(&self) -> String {
        let mut list: serde_json::Value =
            serde_json::from_slice(&fs::read(self.conflist()).unwrap()).unwrap();
        list["plugins"].as_array_mut().unwrap().retain(|plugin| plugin["type"] != "heddle-cni");
        list.to_string()
    }
}
