//! Changes of the mesh that linkerd2-proxies follow.

use crate::manifests::Manifests;
use anyhow::Result;

/// Only `web` may call a Service of the shop.
pub fn only_web(service: &str) -> String {
    format!(
        "apiVersion: heddle.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {{name: only-web, namespace: shop}}\nspec:\n  \
         targetRefs: [{{group: \"\", kind: Service, name: {service}}}]\n  action: Allow\n  rules:\n  \
         - from: [{{serviceAccounts: [{{namespace: clients, name: web}}]}}]\n"
    )
}

/// A client as linkerd2-proxy cannot be told of it by a list of whom to admit.
pub const NO_INTRUDER: &str = include_str!("story/no-intruder.yaml");
/// Linkerd's own objects: the port is closed but to web, and to everyone for one path.
pub const LINKERDS: &str = include_str!("story/linkerds.yaml");
/// A Server in audit, of which an authorization names web.
pub const AUDIT: &str = include_str!("story/audit.yaml");
/// The manifest of whichever policy there is.
pub const POLICY: &str = "access.yaml";

/// One change of one file, and what it is.
pub type Edit = (&'static str, fn(&Manifests) -> Result<()>);

/// The changes, in order; the last ones undo the first ones.
pub const STORY: [Edit; 8] = [
    ("the streams begin", |_| Ok(())),
    ("the canary is sent to cart-v1", |all| all.edit("routes.yaml", CANARY, OTHER)),
    ("cart-v2 goes", |all| all.write("cart-v2.yaml", None)),
    ("only web may call cart", |all| all.write(POLICY, Some(&only_web("cart")))),
    ("intruder may not call cart-v1, everyone else may", |all| all.write(POLICY, Some(NO_INTRUDER))),
    ("Linkerd's objects say who may", |all| all.write(POLICY, Some(LINKERDS))),
    ("everyone may", |all| all.write(POLICY, None)),
    ("the canary is sent to cart-v2", |all| all.edit("routes.yaml", OTHER, CANARY)),
];

/// The backends of requests with `x-canary: yes`.
pub const CANARY: &str = "backendRefs: [{name: cart-v2";
/// Other backends of them.
pub const OTHER: &str = "backendRefs: [{name: cart-v1";
