//! Labels and annotations of Heddle's own, `heddle.dev/…`.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::{Keys, Kind};

/// The start of every key of Heddle's.
const PREFIX: &str = "heddle.dev/";

/// Notes keys of Heddle's that mean nothing on an object of this kind.
pub(crate) fn check(kind: Kind, root: &Field<'_>, notes: &mut Diagnostics) {
    let Some(Keys { labels, annotations }) = kind.spec().keys else { return };
    let sorts =
        [("labels", labels, "an annotation", annotations), ("annotations", annotations, "a label", labels)];
    for (field, own, other_word, other) in sorts {
        let Some(place) = root.get("metadata").and_then(|metadata| metadata.get(field)) else { continue };
        let keys = place.value().as_object().into_iter().flat_map(|fields| fields.keys());
        for key in keys.filter(|key| key.starts_with(PREFIX) && !own.contains(&key.as_str())) {
            let message = if other.contains(&key.as_str()) {
                format!("is {other_word} of a {kind}, and none of its {field}")
            } else {
                format!("is none of the {field} that are read of a {kind}{}", suggestion(key, own, other))
            };
            let field = format!("{}[{}]", place.path(), crate::field::cut(key));
            notes.wrong(FieldError { field, reason: "UnknownKey", message }, "it is ignored");
        }
    }
}

/// The known key that one may be meant for: at most a third of its letters are others.
fn suggestion(key: &str, own: &[&str], other: &[&str]) -> String {
    let likest = own.iter().chain(other).map(|known| (strsim::damerau_levenshtein(key, known), known)).min();
    match likest.filter(|(unlike, known)| *unlike <= (known.len() - PREFIX.len()) / 3) {
        Some((_, known)) => format!(", is {known} meant?"),
        None => String::new(),
    }
}
