use super::*;
use serde_json::json;

fn pod(name: &str, injected: Option<&str>) -> Value {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "shop"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "initContainerStatuses": [{"name": "heddle-proxy", "ready": true}],
        },
    });
    if let Some(version) = injected {
        pod["metadata"]["annotations"] = json!({INJECTED: version});
    }
    pod
}

fn sound() -> Facts {
    let own = env!("CARGO_PKG_VERSION");
    let mut controller = pod("heddle-1", None);
    controller["metadata"]["labels"] = json!({"app.kubernetes.io/version": own});
    Facts {
        version: json!({"major": "1", "minor": "37+", "gitVersion": "v1.37.2"}),
        certificates: Some(json!({"resources": [{"name": "clustertrustbundles"}]})),
        definitions: vec![("meshes.heddle.dev".into(), Some(json!({})))],
        controllers: vec![controller],
        roots: None,
        bundle: Some(json!({"spec": {"trustBundle": "PEM"}})),
        validator: None,
        cni: None,
        injector: Some(json!({"webhooks": [{"clientConfig": {"caBundle": "UEVN"}}]})),
        mesh: Some(json!({"spec": {"trustDomain": "a.b", "egress": "Allow"}})),
        namespaces: vec![json!({"metadata": {"name": "shop", "labels": {INJECT: "envoy"}}})],
        pods: vec![pod("web", Some(own))],
    }
}

/// The codes that are not as they should be.
fn bad(lines: &[Line]) -> Vec<(&str, Level)> {
    let bad = lines.iter().filter(|line| line.level != Level::Ok);
    bad.map(|line| (line.code, line.level)).collect()
}

#[test]
fn a_sound_mesh_has_nothing_to_mend() {
    let facts = sound();
    let all = [installation(&facts, "heddle-system"), proxies(&facts, "heddle-system")].concat();
    assert_eq!(bad(&all), []);
    assert!(all.iter().all(|line| line.fix.is_empty()));
    assert_eq!(all[0].found, "Kubernetes v1.37.2");
}

#[test]
fn an_older_kubernetes_has_its_roots_in_config_maps() {
    let mut facts = sound();
    facts.version["minor"] = "34".into();
    (facts.certificates, facts.bundle) = (None, None);
    assert_eq!(bad(&installation(&facts, "heddle-system")), [("HI04", Level::Error), ("HI05", Level::Error)]);
    facts.roots = Some(json!({"data": {"roots.pem": "PEM"}}));
    assert_eq!(bad(&installation(&facts, "heddle-system")), []);
}

#[test]
fn pods_of_other_settings_are_named() {
    let mut facts = sound();
    let arguments = ["controller", "--inject-listen=[::]:15017", "--agent-image=a", "--proxy-image=b"];
    facts.controllers[0]["spec"] = json!({"containers": [{"args": arguments}]});
    assert_eq!(bad(&proxies(&facts, "heddle-system")), [("HP05", Level::Warning)]);
    let own = injector_settings(&arguments).expect("known arguments").fingerprint();
    facts.pods[0]["metadata"]["annotations"][INJECTED_SETTINGS] = own.into();
    assert_eq!(bad(&proxies(&facts, "heddle-system")), []);
    facts.controllers[0]["spec"]["containers"][0]["args"][1] = "--unknown".into();
    assert_eq!(bad(&proxies(&facts, "heddle-system")), [], "another version's arguments tell nothing");
}

#[test]
fn every_fault_has_its_code() {
    #[track_caller]
    fn check(code: &str, level: Level, change: impl FnOnce(&mut Facts)) {
        let mut facts = sound();
        change(&mut facts);
        let all = [installation(&facts, "heddle-system"), proxies(&facts, "heddle-system")].concat();
        assert_eq!(bad(&all), [(code, level)]);
        assert!(all.iter().all(|line| line.level == Level::Ok || !line.fix.is_empty()));
    }
    check("HC01", Level::Error, |facts| facts.version["minor"] = "32".into());
    check("HC02", Level::Error, |facts| facts.certificates = Some(json!({"resources": []})));
    check("HI01", Level::Error, |facts| facts.definitions[0].1 = None);
    check("HI02", Level::Warning, |facts| {
        let mut other = facts.controllers[0].clone();
        other["status"] = json!({});
        facts.controllers.push(other);
    });
    check("HI02", Level::Error, |facts| facts.controllers.clear());
    check("HI05", Level::Error, |facts| facts.injector = Some(json!({"webhooks": [{"clientConfig": {}}]})));
    check("HI06", Level::Error, |facts| facts.validator = Some(json!({"webhooks": [{"clientConfig": {}}]})));
    check("HI07", Level::Error, |facts| {
        facts.cni = Some(json!({"status": {"numberReady": 1, "desiredNumberScheduled": 2}}));
    });
    check("HM01", Level::Warning, |facts| facts.mesh = None);
    check("HP01", Level::Warning, |facts| facts.pods.push(pod("bare", None)));
    check("HP02", Level::Warning, |facts| facts.pods.push(pod("old", Some("0.0.1"))));
    check("HP03", Level::Error, |facts| facts.pods[0]["status"]["initContainerStatuses"] = json!([]));
    check("HP04", Level::Warning, |facts| {
        let labels = json!({INJECT: "envoi"});
        facts.namespaces.push(json!({"metadata": {"name": "other", "labels": labels}}));
    });
}

#[test]
fn who_opted_out_needs_no_proxy() {
    let mut facts = sound();
    let mut out = pod("out", None);
    out["metadata"]["labels"] = json!({INJECT: "none"});
    facts.pods.push(out);
    assert_eq!(bad(&proxies(&facts, "heddle-system")), []);
}

#[test]
fn nothing_installed_is_a_warning_with_the_command() {
    let facts =
        Facts { controllers: Vec::new(), definitions: vec![("meshes.heddle.dev".into(), None)], ..sound() };
    let all = installation(&facts, "mine");
    assert_eq!(bad(&all), [("HI00", Level::Warning)]);
    assert!(all[2].fix.contains("-n mine"), "{}", all[2].fix);
}

#[test]
fn pods_with_proxies_keep_heddle_from_being_uninstalled() {
    let mut facts = sound();
    facts.pods = (0..7).map(|number| pod(&format!("web-{number}"), Some("1"))).collect();
    let all = uninstall(&facts);
    assert_eq!(bad(&all), [("HU01", Level::Error)]);
    assert!(all[0].found.ends_with("shop/web-4 and 2 more"), "{}", all[0].found);
    assert_eq!(bad(&uninstall(&Facts { pods: vec![pod("plain", None)], ..sound() })), []);
}
