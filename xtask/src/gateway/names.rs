//! Rust names of the objects inside a kind.

/// The field of an object and the Rust name of the type in it, where the field's own name would not do. The
/// first that ends the path of the field decides.
const NAMES: &[(&str, &str)] = &[
    ("requestHeaderModifier.add", "Header"),
    ("requestHeaderModifier.set", "Header"),
    ("responseHeaderModifier.add", "Header"),
    ("responseHeaderModifier.set", "Header"),
    ("requestHeaderModifier", "HeaderModifier"),
    ("responseHeaderModifier", "HeaderModifier"),
    ("cors", "Cors"),
    ("requestMirror.backendRef", "MirrorRef"),
    ("requestMirror", "Mirror"),
    ("requestRedirect.path", "PathModifier"),
    ("urlRewrite.path", "PathModifier"),
    ("requestRedirect", "Redirect"),
    ("urlRewrite", "UrlRewrite"),
    ("matches.path", "PathMatch"),
    ("matches.headers", "KeyMatch"),
    ("matches.queryParams", "KeyMatch"),
    ("matches", "Match"),
    ("retry", "Retry"),
    ("timeouts", "Timeouts"),
];

/// The type in the field at `path` (camelCase names joined by dots, without array marks).
pub(super) fn type_name(kind: &str, path: &str) -> String {
    if !path.contains('.') {
        return format!("{kind}{}", camel(path));
    }
    let known = NAMES.iter().find(|(end, _)| path == *end || path.ends_with(&format!(".{end}")));
    if let Some((_, name)) = known {
        return (*name).to_owned();
    }
    let last = path.rsplit('.').next().expect("a path has a last part");
    camel(last.strip_suffix('s').unwrap_or(last))
}

fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// `camelCase` as `snake_case`, and what Rust reserves made an identifier.
pub(super) fn field_name(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    if snake == "type" { "r#type".to_owned() } else { snake }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_called_after_its_field_unless_the_table_says() {
        let check = |path, want| assert_eq!(type_name("HttpRoute", path), want);
        check("spec", "HttpRouteSpec");
        check("spec.rules", "Rule");
        check("spec.rules.matches.path", "PathMatch");
        check("spec.rules.filters.requestRedirect.path", "PathModifier");
        check("spec.rules.filters.cors", "Cors");
    }

    #[test]
    fn a_field_is_an_identifier() {
        let check = |name, want| assert_eq!(field_name(name), want);
        check("type", "r#type");
        check("sectionName", "section_name");
    }
}
