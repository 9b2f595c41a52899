//! Values that the tests of this crate start from.

use crate::authority::{intermediate, root};
use crate::{Authority, Pair, Template};
use heddle_model::Identity;
use std::time::{Duration, SystemTime};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A root's certificate in PEM, and an intermediate under it.
pub(crate) fn made() -> (Pair, Pair) {
    let root = root(now(), &mut |serial| serial.fill(1));
    let below = intermediate(&root, now(), &mut |serial| serial.fill(2)).expect("intermediate");
    (root, below)
}

pub(crate) fn authority() -> Authority {
    let (root, below) = made();
    Authority::load(&root.certificate, below, now()).expect("authority")
}

pub(crate) fn web() -> Template {
    let web = Identity::new("shop", "web").expect("valid");
    Template::workload(&web, "cluster.local", "heddle.cluster.local", DAY)
}
