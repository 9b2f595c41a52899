//! The scenes. Each asserts; one that does not hold ends with what it saw, and the next one plays.

mod access;
mod changes;
mod pairs;
mod routes;

use crate::place::Actor;
use crate::stage::Stage;
use anyhow::Result;
use heddle::demo::load::Tally;
use heddle::demo::scene::Outcome;
use heddle_capture::CapturedBy::{Envoy, Linkerd};

/// The caller that policies admit.
pub const WEB: Actor = Actor { namespace: "clients", name: "web", account: "web", host: 10, plane: Linkerd };
/// The caller that policies refuse, once there are some.
pub const INTRUDER: Actor =
    Actor { namespace: "clients", name: "intruder", account: "intruder", host: 11, plane: Linkerd };
/// A caller with an Envoy.
pub const ENVOY_WEB: Actor =
    Actor { namespace: "clients", name: "envoy-web", account: "envoy-web", host: 12, plane: Envoy };
/// The server.
pub const CART_V1: Actor =
    Actor { namespace: "shop", name: "cart-v1", account: "cart", host: 20, plane: Linkerd };
/// The same, newer.
pub const CART_V2: Actor =
    Actor { namespace: "shop", name: "cart-v2", account: "cart", host: 21, plane: Linkerd };
/// The server with an Envoy.
pub const EDGE: Actor = Actor { namespace: "shop", name: "edge", account: "edge", host: 30, plane: Envoy };
/// Everyone.
pub const CAST: [Actor; 6] = [WEB, INTRUDER, ENVOY_WEB, CART_V1, CART_V2, EDGE];

/// The last octets of virtual IPs.
const CART: u8 = 1;
const CART_1: u8 = 2;
const CART_2: u8 = 3;
const SPLIT: u8 = 4;
const EMPTY: u8 = 5;
const AT_EDGE: u8 = 6;

/// Plays one scene.
pub type Play = fn(&mut Stage, usize) -> Result<Outcome>;

/// Every scene, by its name.
pub const SCENES: [(&str, Play); 17] = [
    ("pair", pairs::linkerd_to_linkerd),
    ("split", routes::split),
    ("header", routes::header),
    ("timeout", routes::timeout),
    ("retry", routes::retry),
    ("access", access::at_linkerd),
    ("deny", access::deny_one),
    ("server", access::by_linkerds_objects),
    ("audit", access::audit),
    ("empty", changes::empty),
    ("to-envoy", pairs::linkerd_to_envoy),
    ("from-envoy", pairs::envoy_to_linkerd),
    ("access-envoy", access::at_envoy),
    ("seen", pairs::proxies_are_shown),
    ("removal", changes::removal),
    ("renewal", changes::renewal),
    ("restart", changes::restart),
];

/// Returns what failed, for the text of an assertion.
fn why(tally: &Tally) -> String {
    let failed: Vec<String> = tally.failed.iter().map(|(what, count)| format!("{count} x {what}")).collect();
    if failed.is_empty() { String::new() } else { format!(": {}", failed.join("; ")) }
}
