//! Limitations of the proxies of one dialect, added to the reports of the objects that they concern.

use heddle_model::report::{Condition, Report};
use heddle_model::{Counted, Diagnostic, SourceRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Limitations by what has them (a workload, a table of routes), as condition `Enforced` of the objects concerned.
#[derive(Debug)]
pub struct LimitationCounts<K> {
    said: BTreeMap<K, BTreeSet<Diagnostic>>,
    sum: Counted,
}

impl<K> Default for LimitationCounts<K> {
    fn default() -> Self {
        Self { said: BTreeMap::new(), sum: Counted::default() }
    }
}

impl<K: Ord> LimitationCounts<K> {
    /// Replaces the limitations of one thing. Returns the objects whose reports differ now.
    pub fn replace(&mut self, of: K, new: BTreeSet<Diagnostic>) -> BTreeSet<SourceRef> {
        let old = self.said.remove(&of).unwrap_or_default();
        let touched = self.sum.replace(&old, &new);
        if !new.is_empty() {
            self.said.insert(of, new);
        }
        touched
    }

    /// Returns the limitations of an object, each once.
    pub fn of(&self, source: &SourceRef) -> impl Iterator<Item = &Diagnostic> {
        self.sum.of(source)
    }

    /// The report of an object, with what is not enforced of it.
    pub fn onto(&self, source: &SourceRef, report: &Arc<Report>) -> Arc<Report> {
        let words: Vec<&str> = self.sum.of(source).map(|one| one.message.as_str()).collect();
        if words.is_empty() {
            return report.clone();
        }
        let (mut report, words) = (Report::clone(report), words.join("; "));
        for subject in &mut report.subjects {
            add(&mut subject.conditions, &words);
        }
        Arc::new(report)
    }
}

fn add(conditions: &mut Vec<Condition>, words: &str) {
    const KIND: &str = "Enforced";
    let at = conditions.partition_point(|of| of.kind < KIND);
    let message = match conditions.get(at) {
        Some(there) if there.kind == KIND => format!("{}; {words}", conditions.remove(at).message),
        Some(_) | None => words.into(),
    };
    conditions.insert(at, Condition::new(KIND, false, "NotEnforced", message));
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::Kind;
    use heddle_model::report::Subject;

    fn policy() -> SourceRef {
        SourceRef::new(Kind::AccessPolicy, "shop", "deny")
    }

    fn says(message: &str) -> BTreeSet<Diagnostic> {
        let (field, reason) = (String::new(), "OverDenied");
        [Diagnostic { object: policy(), field, reason, message: message.into() }].into()
    }

    fn report(conditions: Vec<Condition>) -> Arc<Report> {
        Arc::new(Report { subjects: vec![Subject { parent: None, conditions }] })
    }

    fn told(limitations: &LimitationCounts<u8>, conditions: Vec<Condition>) -> Vec<(&'static str, String)> {
        let report = limitations.onto(&policy(), &report(conditions));
        report.subjects[0].conditions.iter().map(|of| (of.kind, of.message.clone())).collect()
    }

    #[test]
    fn what_many_proxies_cannot_do_is_told_once_until_the_last_can() {
        let accepted = || vec![Condition::new("Accepted", true, "Accepted", String::new())];
        let mut limitations = LimitationCounts::default();
        assert_eq!(limitations.replace(1, says("port 80")), [policy()].into());
        limitations.replace(2, says("port 80"));
        let want = [("Accepted", String::new()), ("Enforced", "port 80".into())];
        assert_eq!(told(&limitations, accepted()), want);
        limitations.replace(1, BTreeSet::new());
        assert_eq!(told(&limitations, accepted()), want);
        assert_eq!(limitations.replace(2, BTreeSet::new()), [policy()].into());
        assert_eq!(told(&limitations, accepted()), want[..1]);
    }

    #[test]
    fn what_is_said_already_stays_and_the_order_of_types_too() {
        let mut limitations = LimitationCounts::default();
        limitations.replace(1, says("port 80"));
        let there = vec![
            Condition::new("Enforced", false, "NotEnforced", "an Envoy limits nothing".into()),
            Condition::new("PartiallyInvalid", true, "UnsupportedValue", "x".into()),
        ];
        let want =
            [("Enforced", "an Envoy limits nothing; port 80".into()), ("PartiallyInvalid", "x".into())];
        assert_eq!(told(&limitations, there), want);
    }
}
