//! The objects of one file.

use crate::fault::DirError;
use crate::node::Node;

/// Reads every document of a YAML or JSON text; the items of a `v1/List` are objects of their own.
///
/// # Errors
/// A text that is no YAML, with the line where that shows.
pub(crate) fn documents(file: &str, text: &str) -> Result<Vec<Node>, DirError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1_000_000,
            max_nodes: 50_000_000,
            max_events: 100_000_000,
        },
        with_snippet: false,
    };
    let documents: Vec<Node> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| fault(file, &error))?;
    Ok(documents.into_iter().flat_map(objects).collect())
}

fn objects(document: Node) -> Vec<Node> {
    let is = |field: &str, text: &str| document.field(field).is_some_and(|node| node.value() == text);
    if is("apiVersion", "v1") && is("kind", "List") {
        return document.field("items").and_then(Node::items).unwrap_or_default().to_vec();
    }
    vec![document]
}

/// The line stands before the message, so the parser's own words for it are left out.
fn fault(file: &str, error: &serde_saphyr::Error) -> DirError {
    let message = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let (line, place) = match error.location() {
        Some(at) => (at.line(), format!(" at line {}, column {}", at.line(), at.column())),
        None => (0, String::new()),
    };
    let message = message.strip_suffix(&place).unwrap_or(&message).into();
    DirError { file: file.into(), line, field: String::new(), message }
}
