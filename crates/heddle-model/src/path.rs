//! Paths of requests, as proxies compare them.
//!
//! A proxy that enforces policies about paths resolves each path first ([`resolve`]). Policies hold paths in one
//! canonical form ([`canonical`]), and match every resolved path that means the same ([`spellings`]).

use crate::Name;

/// Characters that mean themselves in a path, escaped or not (RFC 3986, 2.3). A proxy takes their escapes away.
const UNRESERVED: &str = "-._~";
/// Characters that a proxy leaves as they came, escaped or not: each has two spellings.
const RESERVED: &str = "!$&'()*+,;=:@[]";
/// The most characters of a path with two spellings: each doubles what a proxy compares.
const MOST_RESERVED: usize = 4;

/// Expressions (RE2, of the whole path), one of which matches each path that [`resolve`] makes another of. None matches what
/// it returns, and none matches a path that only has parameters of dot segments too much (`/x/..;a/y`).
pub const UNRESOLVED: [&str; 3] = [
    r".+//.*|.*//.+|.*/\.\.?(/.*)?",
    r".*[^-A-Za-z0-9._~!$&'()*+,;=:@\[\]/%].*",
    r".*%(00|2[DEFdef]|3[0-9]|4[1-9A-Fa-f]|5[0-9ACFacf]|6[1-9A-Fa-f]|7[0-9AEae]).*",
];

/// A reason why a path cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin with a slash.
    #[error("a path begins with /")]
    Relative,
    /// It has a query or a fragment.
    #[error("{0:?} begins a query or fragment, which is no part of a path; write %{code:02X} for the character", code = *.0 as u32)]
    Query(char),
    /// It has a space or a control character.
    #[error("a path has no spaces and control characters; write %{code:02X} for {0:?}", code = *.0 as u32)]
    Blank(char),
    /// It has a percent sign that begins no escape.
    #[error("% begins an escape of two hexadecimal digits; write %25 for the character")]
    Escape,
    /// It has an escaped NUL.
    #[error("no proxy lets a path with %00 through")]
    Nul,
    /// It has a segment of dots with parameters that an escape keeps from being resolved.
    #[error("a segment of dots with parameters (..;a) is resolved only as long as nothing of it is escaped")]
    Dots,
    /// It has too many characters that a client may also send as escapes.
    #[error(
        "it has {0} of the characters {RESERVED}, which a client may also send as escapes, at most \
         {MOST_RESERVED} are compared; use type PathPrefix with the elements before"
    )]
    Reserved(usize),
}

/// Returns the path, without query, that a proxy compares and forwards where a policy is about paths; `None` where it
/// answers 400.
///
/// This is what Envoy 1.40 does with `normalize_path`, `merge_slashes` and escaped slashes unescaped, in this order:
/// escapes of slashes and backslashes are taken away, then the parameters of dot segments (`..;a`), then escapes of
/// unreserved characters; backslashes become slashes; what must not stand in a path is escaped; dot segments are
/// removed and slashes merged. The case of other escapes stays.
pub fn resolve(path: &str) -> Option<String> {
    let path = without_parameters(&unescape(path, |byte| b"/\\".contains(&byte)));
    if path.contains("%00") {
        return None;
    }
    Some(merge_slashes(&remove_dots(&escape(&unescape_plain(&path)))))
}

/// Returns the form in which policies hold a path: resolved, every escape that is needed in upper case, and no other.
///
/// # Errors
/// A text that is no path, and a path that no proxy compares in all of its spellings.
pub fn canonical(text: &str) -> Result<Name, BadPath> {
    if !text.starts_with('/') {
        return Err(BadPath::Relative);
    }
    if let Some(found) = text.chars().find(|c| matches!(c, '?' | '#')) {
        return Err(BadPath::Query(found));
    }
    if let Some(found) = text.chars().find(|c| c.is_ascii_whitespace() || c.is_ascii_control()) {
        return Err(BadPath::Blank(found));
    }
    if text.split('%').skip(1).any(|rest| escaped(rest.as_bytes()).is_none()) {
        return Err(BadPath::Escape);
    }
    let resolved = resolve(text).ok_or(BadPath::Nul)?;
    let path = upper_escapes(&unescape(&resolved, |byte| RESERVED.as_bytes().contains(&byte)));
    match path.chars().filter(|c| RESERVED.contains(*c)).count() {
        count if count > MOST_RESERVED => Err(BadPath::Reserved(count)),
        _ if path == "//" => Ok("/".into()),
        _ if resolve(&path).as_ref() != Some(&path) => Err(BadPath::Dots),
        _ => Ok(path.into()),
    }
}

/// Returns every resolved path that means the same as a canonical one, itself first.
///
/// A path of slashes alone is resolved to two of them.
pub fn spellings(canonical: &str) -> Vec<String> {
    if canonical == "/" {
        return vec!["/".into(), "//".into()];
    }
    let mut spellings = vec![String::new()];
    for character in canonical.chars() {
        let escaped = RESERVED.contains(character).then(|| format!("%{:02X}", u32::from(character)));
        let other: Vec<_> =
            escaped.iter().flat_map(|text| spellings.iter().map(move |s| s.clone() + text)).collect();
        spellings.iter_mut().for_each(|spelling| spelling.push(character));
        spellings.extend(other);
    }
    spellings
}

/// Returns whether a spelling of a canonical path has an escape whose case can vary. Such a path is compared rightly only
/// where requests with lower-case escapes are refused.
pub fn minds_case(canonical: &str) -> bool {
    // The last spelling has every escape that there may be.
    spellings(canonical).last().is_some_and(|path| has_lower_escape(&path.to_ascii_lowercase()))
}

/// Returns whether a path has an escape with a lower-case digit.
pub fn has_lower_escape(path: &str) -> bool {
    upper_escapes(path) != path
}

/// A piece of a path.
enum Piece<'a> {
    /// Itself.
    Plain(char),
    /// `%` and two hexadecimal digits.
    Escape { byte: u8, text: &'a str },
    /// A percent sign that begins no escape.
    Stray,
}

fn pieces(path: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = path;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (piece, length) = match (first, escaped(&rest.as_bytes()[first.len_utf8()..])) {
            ('%', Some(byte)) => (Piece::Escape { byte, text: &rest[..3] }, 3),
            ('%', None) => (Piece::Stray, 1),
            _ => (Piece::Plain(first), first.len_utf8()),
        };
        rest = &rest[length..];
        Some(piece)
    })
}

/// The byte that two hexadecimal digits at the start mean.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |place: usize| char::from(*digits.get(place)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn unescape(path: &str, which: impl Fn(u8) -> bool) -> String {
    let mut text = String::new();
    for piece in pieces(path) {
        match piece {
            Piece::Escape { byte, text: _ } if which(byte) => text.push(byte.into()),
            Piece::Escape { byte: _, text: escape } => text.push_str(escape),
            Piece::Plain(character) => text.push(character),
            Piece::Stray => text.push('%'),
        }
    }
    text
}

/// A percent sign that the unescaped characters behind it would make an escape is escaped itself.
fn unescape_plain(path: &str) -> String {
    let mut text = String::new();
    let mut stray = Vec::new();
    for piece in pieces(path) {
        match piece {
            Piece::Escape { byte, text: _ } if is_unreserved(byte) => text.push(byte.into()),
            Piece::Escape { byte: _, text: escape } => text.push_str(escape),
            Piece::Plain(character) => text.push(character),
            Piece::Stray => {
                stray.push(text.len());
                text.push('%');
            }
        }
    }
    for at in stray.into_iter().rev() {
        if escaped(&text.as_bytes()[at + 1..]).is_some() {
            text.insert_str(at + 1, "25");
        }
    }
    text
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || UNRESERVED.as_bytes().contains(&byte)
}

/// Backslashes become slashes, and what must not stand in a path its escape.
fn escape(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'\\' => text.push('/'),
            b'%' | b'/' | b'?' => text.push(byte.into()),
            byte if is_unreserved(byte) || RESERVED.as_bytes().contains(&byte) => text.push(byte.into()),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn upper_escapes(path: &str) -> String {
    let mut text = String::new();
    for piece in pieces(path) {
        match piece {
            Piece::Escape { byte, text: _ } => text.push_str(&format!("%{byte:02X}")),
            Piece::Plain(character) => text.push(character),
            Piece::Stray => text.push('%'),
        }
    }
    text
}

/// Takes the parameters of segments `.` and `..` away.
fn without_parameters(path: &str) -> String {
    let plain = |segment: &str| match segment.split_once(';') {
        Some((dots @ ("." | ".."), _)) => dots.to_string(),
        Some(_) | None => segment.to_string(),
    };
    path.split('/').map(plain).collect::<Vec<_>>().join("/")
}

fn remove_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => {
                kept.push(other);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

/// Slashes in a row become one; a path of nothing else becomes two (Envoy joins its empty middle with both ends).
fn merge_slashes(path: &str) -> String {
    if !path.contains("//") {
        return path.into();
    }
    let middle: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let end = if path.ends_with('/') { "/" } else { "" };
    format!("/{}{end}", middle.join("/"))
}

#[cfg(test)]
mod tests;
