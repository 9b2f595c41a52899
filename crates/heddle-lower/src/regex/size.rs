//! The size of the program that RE2 makes of an expression, rather too large than too small.

use regex_syntax::ast::{Ast, ClassSet, ClassSetItem, GroupKind, RepetitionKind, RepetitionRange};

/// The parts of any program: its start, its end and the loop that finds a match.
const BASE: u32 = 6;

/// Any byte, or any but one: up to two ranges of bytes (Envoy compares bytes, not characters).
const ANY: u32 = 3;

/// A named class of ASCII, or what is not in it.
const NAMED: u32 = 6;

/// The size of a program in RE2's instructions.
pub(super) fn of(ast: &Ast) -> u32 {
    part(ast).saturating_add(BASE)
}

fn part(ast: &Ast) -> u32 {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => 1,
        Ast::Literal(_) => 1,
        Ast::Dot(_) | Ast::ClassUnicode(_) => ANY,
        Ast::ClassPerl(_) => NAMED,
        Ast::ClassBracketed(class) => {
            let listed = set(&class.kind);
            if class.negated { listed.saturating_add(ANY) } else { listed }
        }
        Ast::Repetition(repetition) => repeated(part(&repetition.ast), &repetition.op.kind),
        Ast::Group(group) => match group.kind {
            GroupKind::NonCapturing(_) => part(&group.ast),
            GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => part(&group.ast).saturating_add(2),
        },
        Ast::Alternation(list) => sum(list.asts.iter().map(|ast| part(ast).saturating_add(1))),
        Ast::Concat(list) => sum(list.asts.iter().map(part)),
    }
}

fn sum(sizes: impl Iterator<Item = u32>) -> u32 {
    sizes.fold(0, u32::saturating_add)
}

fn repeated(size: u32, kind: &RepetitionKind) -> u32 {
    let times = match kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
        RepetitionKind::Range(RepetitionRange::Exactly(n) | RepetitionRange::Bounded(_, n)) => *n,
        RepetitionKind::Range(RepetitionRange::AtLeast(n)) => n.saturating_add(1),
    };
    size.saturating_add(1).saturating_mul(times.max(1)).saturating_add(1)
}

fn set(set: &ClassSet) -> u32 {
    match set {
        ClassSet::Item(found) => item(found),
        ClassSet::BinaryOp(_) => u32::MAX,
    }
}

fn item(found: &ClassSetItem) -> u32 {
    match found {
        ClassSetItem::Empty(_) => 0,
        ClassSetItem::Literal(_) | ClassSetItem::Range(_) => 1,
        ClassSetItem::Ascii(_) | ClassSetItem::Perl(_) | ClassSetItem::Unicode(_) => NAMED,
        ClassSetItem::Bracketed(class) => set(&class.kind),
        ClassSetItem::Union(union) => sum(union.items.iter().map(item)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes as Envoy 1.40 gave them: too small an estimate would let an expression through that it refuses.
    #[test]
    fn an_estimate_is_never_too_small_and_not_much_too_large() {
        for (text, size) in [
            ("/a", 6),
            ("/api/v[0-9]+/users/[^/]+", 22),
            (".*", 6),
            (r"\d+", 6),
            (r"\w+", 8),
            ("[^/]+", 7),
            ("(?i)hello", 9),
            ("(a|b|c)", 7),
            ("a{3,5}", 11),
            ("a{100}", 104),
            ("[a-z]{1,50}", 103),
            (".{10}", 24),
            (r"\bfoo\b", 9),
            ("(foo|bar|bazz)", 14),
            ("(a|b)?x*", 9),
            ("[a-zA-Z0-9_-]{8}", 36),
            ("(?:[0-9a-f]{4}-){3}[0-9a-f]{4}", 39),
            (r"\w{5}", 19),
            (r"\d{1,3}\.\d{1,3}", 15),
            (r"[\w.]+@x", 11),
            ("a?b?c?", 10),
            ("x{3,}", 8),
            ("(x|y){2,4}", 18),
            ("()", 6),
            ("(a{30}){30}", 964),
            ("/v1/(users|groups)/[0-9]+(/.*)?", 30),
        ] {
            let ast = regex_syntax::ast::parse::Parser::new().parse(text).expect("parses");
            let estimate = of(&ast);
            assert!(estimate >= size && estimate <= size * 3 + 8, "{text}: {estimate}, Envoy says {size}");
        }
    }
}
