//! A YAML value that remembers its lines.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;
use std::fmt;

/// A value and the line where it begins; an entry of a map begins with its key.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: u64,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value alone.
    pub(crate) fn value(&self) -> Value {
        match &self.shape {
            Shape::Scalar(value) => value.clone(),
            Shape::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Shape::Map(fields) => Value::Object(
                fields.iter().map(|(name, node)| (name.clone(), node.value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The line of the field at `path` (`spec.rules[0].from`), or of as much of the path as there is.
    pub(crate) fn line_of(&self, path: &str) -> u64 {
        let mut node = self;
        for step in steps(path) {
            match node.child(&step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.line
    }

    /// The field `name`.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        match &self.shape {
            Shape::Map(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            Shape::Scalar(_) | Shape::List(_) => None,
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Option<&[Self]> {
        match &self.shape {
            Shape::List(items) => Some(items),
            Shape::Scalar(_) | Shape::Map(_) => None,
        }
    }

    fn child(&self, step: &str) -> Option<&Self> {
        match &self.shape {
            Shape::List(items) => items.get(step.parse::<usize>().ok()?),
            Shape::Map(_) | Shape::Scalar(_) => self.field(step),
        }
    }
}

/// The names and indices of a path: divided by dots, or in brackets.
fn steps(path: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut bracket = false;
    for c in path.chars() {
        match c {
            '[' => {
                bracket = true;
                steps.push(String::new());
            }
            ']' => bracket = false,
            '.' if !bracket => steps.push(String::new()),
            c => steps.iter_mut().last().expect("there is always one").push(c),
        }
    }
    steps.retain(|step| !step.is_empty());
    steps
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Shape>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), shape: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Shape, E> {
        Ok(Shape::Scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Shape, E> {
        Ok(Shape::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Shape, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Node>()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, mut node)) = map.next_entry::<Spanned<String>, Node>()? {
            let line = key.referenced.line();
            node.line = if line == 0 { node.line } else { line };
            fields.push((key.value, node));
        }
        Ok(Shape::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
kind: Service
metadata:
  name: web
  annotations:
    heddle.dev/x: y
spec:
  ports:
    - port: 80
      name: http
    - port: 81
---
kind: Other
";

    #[track_caller]
    fn check(path: &str, line: u64) {
        let nodes: Vec<Node> = serde_saphyr::from_multiple(TEXT).expect("parses");
        assert_eq!(nodes[0].line_of(path), line, "{path}");
    }

    #[test]
    fn every_field_knows_its_line() {
        check("", 1);
        check("kind", 1);
        check("metadata", 2);
        check("metadata.name", 3);
        check("metadata.annotations[heddle.dev/x]", 5);
        check("spec.ports[0].name", 9);
        check("spec.ports[1]", 10);
    }

    #[test]
    fn a_field_that_is_missing_is_at_what_should_have_it() {
        check("spec.selector.app", 6);
        check("spec.ports[1].targetPort", 10);
        check("spec.ports[7]", 7);
    }

    #[test]
    fn a_later_document_counts_lines_from_the_files_start() {
        let nodes: Vec<Node> = serde_saphyr::from_multiple(TEXT).expect("parses");
        assert_eq!(nodes[1].line, 12);
    }

    #[test]
    fn values_are_those_of_json() {
        let node: Node =
            serde_saphyr::from_str("{a: 1, b: -1.5, c: [true, null, ~, 'x'], d: }").expect("parses");
        assert_eq!(
            node.value(),
            serde_json::json!({"a": 1, "b": -1.5, "c": [true, null, null, "x"], "d": null})
        );
    }
}
