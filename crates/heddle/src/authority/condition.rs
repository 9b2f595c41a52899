//! The authority's condition, for `/ready`.

use heddle_ca::{Authority, Validity};
use std::time::{Duration, SystemTime};

/// The state of the authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The place of its files, in words.
    pub origin: String,
    /// While it is good.
    pub validity: Validity,
    /// While its root is good.
    pub root: Validity,
    /// The faults of the files now; the authority that was read last stays in force.
    pub error: Option<String>,
}

impl Condition {
    pub(super) fn new(origin: String, authority: &Authority) -> Self {
        Self { origin, validity: authority.validity(), root: authority.root_validity(), error: None }
    }

    /// Returns why nothing can be signed.
    pub(crate) fn waiting(&self, now: SystemTime) -> Vec<String> {
        match self.validity.holds(now) {
            true => Vec::new(),
            false => vec![format!("an authority that is good now: the one in {} has expired", self.origin)],
        }
    }

    /// Returns what an operator should know before it is too late.
    pub(crate) fn warnings(&self, now: SystemTime) -> Vec<String> {
        let Self { origin, validity, root, error } = self;
        let error = error.iter().map(|error| {
            format!("the authority in {origin} cannot be renewed, keeping the last valid one: {error}")
        });
        let what = if validity.not_after >= root.not_after { "root" } else { "signing certificate" };
        let ends = validity.ends_soon(now).map(|left| {
            format!(
                "the {what} in {origin} ends in {}: replace it before, or no certificate will be valid",
                age(left)
            )
        });
        error.chain(ends).collect()
    }
}

/// Whole days, or hours, or minutes.
fn age(left: Duration) -> String {
    const HOUR: u64 = 3600;
    match left.as_secs() {
        seconds if seconds >= 48 * HOUR => format!("{} days", seconds / (24 * HOUR)),
        seconds if seconds >= 2 * HOUR => format!("{} hours", seconds / HOUR),
        seconds => format!("{} minutes", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn day(number: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + number * DAY
    }

    fn condition(signing_ends: u32, root_ends: u32) -> Condition {
        let validity = |ends| Validity { not_before: day(0), not_after: day(ends) };
        let ends = signing_ends.min(root_ends);
        Condition { origin: "here".into(), validity: validity(ends), root: validity(root_ends), error: None }
    }

    #[test]
    fn the_end_is_told_before_it_comes_and_with_what_ends() {
        let (signing, root) = (condition(365, 3650), condition(3650, 3650));
        assert_eq!(signing.warnings(day(300)), Vec::<String>::new());
        assert_eq!(
            signing.warnings(day(355)),
            [
                "the signing certificate in here ends in 10 days: replace it before, or no certificate will be valid"
            ]
        );
        assert_eq!(
            root.warnings(day(3649)),
            ["the root in here ends in 24 hours: replace it before, or no certificate will be valid"]
        );
        assert_eq!(signing.waiting(day(365)), Vec::<String>::new());
        assert_eq!(signing.waiting(day(366)), ["an authority that is good now: the one in here has expired"]);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_told_while_it_lasts() {
        let condition = Condition { error: Some("no key".into()), ..condition(365, 3650) };
        assert_eq!(
            condition.warnings(day(1)),
            ["the authority in here cannot be renewed, keeping the last valid one: no key"]
        );
    }
}
