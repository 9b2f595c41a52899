//! Lists of which one item must match, some of whose items cannot be read.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, FieldError};
use heddle_model::access::Action;

/// The matches of a list of alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Alternatives<T> {
    /// Everything: nothing was listed, or a Deny could not read what.
    Everything,
    /// Any of these; never empty.
    These(Vec<T>),
    /// Nothing: an Allow could not read what.
    Nothing,
}

impl<T> Alternatives<T> {
    /// Reads the lists of alternatives that are there: `parts` are the lists and how an item of each is read.
    ///
    /// What an Allow cannot read is left out; what a Deny cannot read might be anything.
    pub(crate) fn read(parts: &[Part<'_, '_, T>], action: Action, notes: &mut Diagnostics) -> Self {
        let mut items = Vec::new();
        let mut complete = true;
        for (list, read) in parts.iter().filter_map(|(list, read)| Some((list.as_ref()?, read))) {
            for item in list_of(list).unwrap_or_else(|wrong| vec![Err(wrong)]) {
                let item = match item {
                    Ok(place) => read(&place, notes),
                    Err(wrong) => Err(wrong),
                };
                let item = notes.take(item, instead(action));
                complete &= item.is_some();
                items.extend(item);
            }
        }
        match action {
            _ if parts.iter().all(|(list, _)| list.is_none()) => Self::Everything,
            Action::Deny if !complete => Self::Everything,
            Action::Allow | Action::Deny if items.is_empty() => Self::Nothing,
            Action::Allow | Action::Deny => Self::These(items),
        }
    }

    /// As the model writes it, where an empty list is everything; `None` for nothing.
    pub(crate) fn into_list(self) -> Option<Vec<T>> {
        match self {
            Self::Everything => Some(Vec::new()),
            Self::These(items) => Some(items),
            Self::Nothing => None,
        }
    }
}

/// A list that may be absent, and how one of its items is read.
pub(crate) type Part<'a, 'r, T> =
    (Option<Field<'a>>, &'r dyn Fn(&Field<'_>, &mut Diagnostics) -> Result<T, FieldError>);

fn list_of<'a>(list: &Field<'a>) -> Result<Vec<Result<Field<'a>, FieldError>>, FieldError> {
    let items = list.list()?;
    if items.is_empty() {
        return Err(list.wrong("must not be empty"));
    }
    Ok(items.into_iter().map(Ok).collect())
}

fn instead(action: Action) -> &'static str {
    match action {
        Action::Allow => "it admits nothing",
        Action::Deny => "it is taken to match everything",
    }
}
