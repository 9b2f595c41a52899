//! One line of `heddle lint`.

use heddle_dir::DirError;
use heddle_model::SourceRef;
use heddle_status::{Finding, Severity};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One finding and where it was written, in the order of printing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    place: Option<(PathBuf, u64)>,
    pub(super) severity: Severity,
    object: Option<SourceRef>,
    pub(super) namespace: Option<String>,
    field: String,
    reason: &'static str,
    message: String,
}

impl Line {
    /// The line of a finding.
    pub(super) fn of_finding(finding: &Finding, place: Option<(PathBuf, u64)>) -> Self {
        let Finding { object, field, severity, reason, message } = finding.clone();
        let namespace = Some(object.namespace.to_string()).filter(|namespace| !namespace.is_empty());
        Self { place, severity, object: Some(object), namespace, field, reason, message }
    }

    /// The line of something that keeps a folder from being read.
    pub(super) fn of_error(folder: &Path, error: &DirError) -> Self {
        let DirError { file, line, field, message } = error.clone();
        let path = if file.is_empty() { folder.into() } else { folder.join(file) };
        Self {
            place: Some((path, line)),
            severity: Severity::Error,
            object: None,
            namespace: None,
            field,
            reason: "Refused",
            message,
        }
    }

    /// The line as text, with its end.
    pub(super) fn text(&self, colour: bool) -> String {
        let Self { place, severity, object, namespace: _, field, reason, message } = self;
        let place = match place {
            Some((path, 0)) => format!("{}: ", path.display()),
            Some((path, line)) => format!("{}:{line}: ", path.display()),
            None => String::new(),
        };
        let object = object.as_ref().map(ToString::to_string).unwrap_or_default();
        let subject = [object, field.clone()].into_iter().filter(|part| !part.is_empty());
        let subject = subject.collect::<Vec<_>>().join(" ");
        let colon = if subject.is_empty() { "" } else { ": " };
        let severity = painted(*severity, colour);
        format!(
            "{}{severity}: {} [{reason}]\n",
            printable(&place),
            printable(&format!("{subject}{colon}{message}"))
        )
    }

    /// The line as JSON.
    pub(super) fn json(&self) -> Value {
        let Self { place, severity, object, namespace, field, reason, message } = self;
        let line = place.as_ref().map(|(_, line)| *line).filter(|line| *line > 0);
        json!({
            "severity": severity.as_str(),
            "reason": reason,
            "kind": object.as_ref().map(|object| object.kind.to_string()),
            "namespace": namespace,
            "name": object.as_ref().map(|object| object.name.to_string()),
            "field": field,
            "message": message,
            "file": place.as_ref().map(|(path, _)| path.display().to_string()),
            "line": line,
        })
    }
}

fn painted(severity: Severity, colour: bool) -> String {
    match (severity, colour) {
        (severity, false) => severity.to_string(),
        (Severity::Error, true) => format!("\u{1b}[1;31m{severity}\u{1b}[0m"),
        (Severity::Warning, true) => format!("\u{1b}[1;33m{severity}\u{1b}[0m"),
    }
}

/// Text that someone else wrote, without what would move a terminal's cursor or end the line.
fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_model::Kind;

    fn finding(message: &str) -> Finding {
        Finding {
            object: SourceRef::new(Kind::AccessPolicy, "shop", "only-web"),
            field: "spec.ports[0]".into(),
            severity: Severity::Error,
            reason: "PortNotFound",
            message: message.into(),
        }
    }

    #[test]
    fn a_line_says_where_who_and_what() {
        let line = Line::of_finding(&finding("no port 80"), Some(("dir/a.yaml".into(), 7)));
        let want =
            "dir/a.yaml:7: error: AccessPolicy shop/only-web spec.ports[0]: no port 80 [PortNotFound]\n";
        assert_eq!(line.text(false), want);
        assert_eq!(line.text(true).matches("\u{1b}[1;31merror\u{1b}[0m").count(), 1);
        let line = Line::of_finding(&finding("no port 80"), None);
        assert_eq!(line.text(false), want["dir/a.yaml:7: ".len()..]);
    }

    #[test]
    fn what_others_wrote_moves_no_cursor_and_ends_no_line() {
        let line = Line::of_finding(&finding("a\n\u{1b}[2Jb"), None).text(false);
        assert!(line.ends_with("a\\n\\u{1b}[2Jb [PortNotFound]\n"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_line() {
        let error = DirError { file: String::new(), line: 0, field: String::new(), message: "gone".into() };
        assert_eq!(Line::of_error(Path::new("dir"), &error).text(false), "dir: error: gone [Refused]\n");
    }
}
