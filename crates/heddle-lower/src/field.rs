//! A value and where in its object it lies.

use heddle_model::fact::Labels;
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// A value and where in its object it lies.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    value: &'a Value,
    path: String,
}

/// The reason for which a value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// The reason of diagnostics of values that do not have the form that their field wants: an API server that
/// checks the same would have refused the object.
pub const INVALID: &str = "Invalid";

/// The reason of warnings of values that Kubernetes honours and the mesh does not.
pub(crate) const NOT_HONOURED: &str = "NotHonoured";

/// The most items of one list, labels of one object included. EndpointSlices have up to 1,000 endpoints.
pub(crate) const LONGEST: usize = 1024;

/// A value of the Gateway API that this implementation does not support.
pub(crate) const UNSUPPORTED: &str = "UnsupportedValue";

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl<'a> Field<'a> {
    /// A whole object.
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    /// The fault of a value that Kubernetes honours and the mesh does not.
    pub(crate) fn unhonoured(&self, message: &str) -> FieldError {
        FieldError { field: self.path.clone(), reason: NOT_HONOURED, message: message.into() }
    }

    /// Its path from the root of its object.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// The field `name`; `None` if it is absent or null, or if this is not an object.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let dot = if self.path.is_empty() { "" } else { "." };
        Some(Self { value, path: format!("{}{dot}{name}", self.path) })
    }

    /// The field `name`, whose path is written in brackets since the name has dots.
    pub(crate) fn get_quoted(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { value, path: format!("{}[{name}]", self.path) })
    }

    /// The field `name` of an object that must have it.
    pub(crate) fn need(&self, name: &str) -> Result<Self, FieldError> {
        self.object()?;
        self.get(name).ok_or_else(|| {
            let dot = if self.path.is_empty() { "" } else { "." };
            FieldError {
                field: format!("{}{dot}{name}", self.path),
                reason: INVALID,
                message: "is required".into(),
            }
        })
    }

    /// Its fields.
    pub(crate) fn object(&self) -> Result<&'a Map<String, Value>, FieldError> {
        self.value.as_object().ok_or_else(|| self.is_not("an object"))
    }

    /// Refuses an object with a field that is none of `known`: where a field that is not understood could
    /// change what the others mean.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), FieldError> {
        let fields = self.object()?.iter();
        let mut strange = fields.filter(|(name, value)| !value.is_null() && !known.contains(&name.as_str()));
        match strange.next() {
            None => Ok(()),
            Some((name, _)) => {
                let dot = if self.path.is_empty() { "" } else { "." };
                let field = format!("{}{dot}{}", self.path, cut(name));
                let message = format!("is not a field, only {} are", known.join(", "));
                Err(FieldError { field, reason: INVALID, message })
            }
        }
    }

    /// It as a truth value.
    pub(crate) fn truth(&self) -> Result<bool, FieldError> {
        self.value.as_bool().ok_or_else(|| self.is_not("true or false"))
    }

    /// Its items, if they are not far too many.
    pub(crate) fn list(&self) -> Result<Vec<Self>, FieldError> {
        let items = self.value.as_array().ok_or_else(|| self.is_not("a list"))?;
        self.at_most(LONGEST, items.len())?;
        let item = |(index, value)| Self { value, path: format!("{}[{index}]", self.path) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// It as text.
    pub(crate) fn text(&self) -> Result<&'a str, FieldError> {
        self.value.as_str().ok_or_else(|| self.is_not("a string"))
    }

    /// It as text that is not empty.
    pub(crate) fn name(&self) -> Result<&'a str, FieldError> {
        match self.text()? {
            "" => Err(self.wrong("must not be empty")),
            name => Ok(name),
        }
    }

    /// It as a whole number within `range`.
    pub(crate) fn number(&self, range: std::ops::RangeInclusive<u32>) -> Result<u32, FieldError> {
        let number = self.value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            self.wrong(format!(
                "{} is not an integer from {} to {}",
                self.shown(),
                range.start(),
                range.end()
            ))
        })
    }

    /// It as a port.
    pub(crate) fn port(&self) -> Result<u16, FieldError> {
        let number = self.number(1..=65535)?;
        Ok(u16::try_from(number).expect("the range is that of ports"))
    }

    /// It as text of a form that a type knows; `what` names the form.
    pub(crate) fn parse<T: FromStr>(&self, what: &str) -> Result<T, FieldError> {
        self.text()?.parse().map_err(|_| self.is_not(what))
    }

    /// It as one of a few words.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, FieldError> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(format!("{} is none of {}", self.shown(), words.join(", ")))
        })
    }

    /// It as labels: all of its values are text.
    pub(crate) fn labels(&self) -> Result<Labels, FieldError> {
        let object = self.object()?;
        self.at_most(LONGEST, object.len())?;
        let pairs = object.iter().filter(|(_, value)| !value.is_null());
        pairs
            .map(|(name, value)| match value.as_str() {
                Some(text) => Ok((name.as_str().into(), text.into())),
                None => {
                    let name = cut(name);
                    Err(self.wrong(format!("the value {} of {name} is not a string", shown(value))))
                }
            })
            .collect()
    }

    /// A fault of this value if it has more than `most` items.
    pub(crate) fn at_most(&self, most: usize, items: usize) -> Result<(), FieldError> {
        if items <= most {
            Ok(())
        } else {
            Err(self.wrong(format!("has {items} items, at most {most} are read")))
        }
    }

    /// A fault of this value.
    pub(crate) fn wrong(&self, message: impl Into<String>) -> FieldError {
        FieldError { field: self.path.clone(), reason: INVALID, message: message.into() }
    }

    /// A fault of this value: it asks for what is not supported.
    pub(crate) fn unsupported(&self, message: impl Into<String>) -> FieldError {
        FieldError { field: self.path.clone(), reason: UNSUPPORTED, message: message.into() }
    }

    /// The value as messages show it: never longer than a line.
    pub(crate) fn shown(&self) -> String {
        shown(self.value)
    }

    fn is_not(&self, what: &str) -> FieldError {
        self.wrong(format!("{} is not {what}", self.shown()))
    }
}

/// A name that somebody chose, as messages show it.
pub(crate) fn cut(name: &str) -> String {
    name.chars().take(80).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".into(),
        Value::Array(_) => "a list".into(),
        Value::String(text) if text.chars().count() > 80 => {
            format!("{:?}…", text.chars().take(80).collect::<String>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check<T: std::fmt::Debug>(got: Result<T, FieldError>, want: &str) {
        assert_eq!(got.expect_err("wrong").to_string(), want);
    }

    #[test]
    fn what_is_wrong_says_where_and_what_was_wanted() {
        let object = json!({"spec": {"a": [1, {"b": "x"}], "n": null}});
        let root = Field::root(&object);
        let spec = root.need("spec").unwrap();
        let list = spec.need("a").unwrap().list().unwrap();
        check(root.need("status"), "status: is required");
        check(spec.need("n"), "spec.n: is required");
        check(root.text(), "an object is not a string");
        check(list[0].text(), "spec.a[0]: 1 is not a string");
        check(list[0].object(), "spec.a[0]: 1 is not an object");
        check(list[1].need("b").unwrap().port(), r#"spec.a[1].b: "x" is not an integer from 1 to 65535"#);
        check(
            list[1].need("b").unwrap().one_of(&[("y", ()), ("z", ())]),
            r#"spec.a[1].b: "x" is none of y, z"#,
        );
        check(list[1].only(&["a", "c"]), "spec.a[1].b: is not a field, only a, c are");
        check(spec.labels(), "spec: the value a list of a is not a string");
    }

    #[test]
    fn a_long_value_is_shown_in_part() {
        let value = json!("x".repeat(100_000));
        assert_eq!(
            Field::root(&value).list().expect_err("text").message.len(),
            80 + "\"\"… is not a list".len()
        );
    }
}
