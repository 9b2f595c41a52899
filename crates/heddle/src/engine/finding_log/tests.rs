use super::*;
use heddle_model::{Diagnostic, Kind, Map};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Returns what is logged while `act` runs, a line each.
fn logged(act: impl FnOnce()) -> Vec<String> {
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = tracing_subscriber::fmt().without_time().with_ansi(false).with_target(false);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, act);
    let text = sink.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(text).expect("text").lines().map(|line| line.trim().to_string()).collect()
}

fn policy(name: &str) -> SourceRef {
    SourceRef::new(Kind::AccessPolicy, "shop", name)
}

fn snapshot(faults: &[(&str, &'static str)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (name, reason) in faults {
        let (field, message) = ("spec.targetRefs".into(), format!("there is no {name:?}\u{1b}[2J"));
        let one = Diagnostic { object: policy(name), field, reason, message };
        snapshot.diagnostics.insert(policy(name), [one].into());
    }
    snapshot
}

#[test]
fn a_finding_is_logged_once_when_it_appears() {
    let mut log = FindingLog::default();
    let now = Instant::now();
    let mut follow = |faults: &[(&str, &'static str)], touched: &[&str]| {
        let touched: Vec<_> = touched.iter().map(|name| policy(name)).collect();
        logged(|| log.follow(touched.iter(), &snapshot(faults), &Map::new(), now))
    };
    let first = follow(&[("a", "TargetNotFound"), ("b", "NotEnforced")], &[]);
    assert_eq!(
        first[0],
        "ERROR object has an error kind=AccessPolicy namespace=shop name=a field=\"spec.targetRefs\" \
         reason=\"TargetNotFound\" detail=\"there is no \\\"a\\\"\\u{1b}[2J\""
    );
    assert!(first.len() == 2 && first[1].starts_with("WARN object has a warning"), "{first:?}");
    let same = [("a", "TargetNotFound"), ("b", "NotEnforced")];
    assert_eq!(follow(&same, &["a", "b"]), [""; 0], "nothing is new");
    let other = follow(&[("a", "Invalid"), ("b", "NotEnforced")], &["a"]);
    assert!(other.len() == 1 && other[0].contains("reason=\"Invalid\""), "{other:?}");
    assert_eq!(follow(&[("b", "NotEnforced")], &["a"]), [""; 0], "what is well is not logged");
    assert_eq!(follow(&[("a", "Invalid"), ("b", "NotEnforced")], &["a"]).len(), 1, "it came again");
}

#[test]
fn so_many_a_minute_are_logged_and_the_rest_is_counted() {
    let names: Vec<String> = (0..250).map(|index| format!("p{index:03}")).collect();
    let faults = |range: std::ops::Range<usize>| -> Vec<(&str, &'static str)> {
        names[range].iter().map(|name| (name.as_str(), "Invalid")).collect()
    };
    let mut log = FindingLog::default();
    let start = Instant::now();
    let mut follow = |range: std::ops::Range<usize>, after: Duration| {
        let touched: Vec<_> = names.iter().map(|name| policy(name)).collect();
        logged(|| log.follow(touched.iter(), &snapshot(&faults(range)), &Map::new(), start + after))
    };
    let first = follow(0..150, Duration::ZERO);
    assert_eq!(first.len(), MOST + 1);
    assert_eq!(first[MOST], "WARN more findings, see heddle lint or /debug/snapshot count=50");
    assert_eq!(follow(0..200, WINDOW / 2), [""; 0], "the minute is not over");
    let later = follow(0..210, WINDOW);
    assert_eq!(later[0], "WARN more findings, see heddle lint or /debug/snapshot count=50");
    assert_eq!(later.len(), 1 + 10);
}
