//! How large a program RE2 makes of an expression, rather too large than too small.

use regex_syntax::ast::{Ast, ClassSet, ClassSetItem, GroupKind, RepetitionKind, RepetitionRange};

/// What any program has: its start, its end and the loop that finds a match.
const BASE: u32 = 6;

/// A character that may be any of UTF-8.
const ANY: u32 = 16;

/// The size of a program in RE2's instructions.
pub(super) fn of(ast: &Ast) -> u32 {
    part(ast).saturating_add(BASE)
}

fn part(ast: &Ast) -> u32 {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => 1,
        Ast::Literal(literal) => character(literal.c),
        Ast::Dot(_) | Ast::ClassUnicode(_) => ANY,
        Ast::ClassPerl(class) => {
            if class.negated {
                ANY
            } else {
                8
            }
        }
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

/// A case-insensitive character is two; others of UTF-8 are up to four bytes.
fn character(c: char) -> u32 {
    if c.is_ascii() { 1 } else { 8 }
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
        ClassSetItem::Literal(literal) => character(literal.c).saturating_add(1),
        ClassSetItem::Range(range) if range.start.c.is_ascii() && range.end.c.is_ascii() => 2,
        ClassSetItem::Ascii(class) => {
            if class.negated {
                ANY
            } else {
                8
            }
        }
        ClassSetItem::Perl(class) => {
            if class.negated {
                ANY
            } else {
                8
            }
        }
        ClassSetItem::Range(_) | ClassSetItem::Unicode(_) => ANY.saturating_mul(2),
        ClassSetItem::Bracketed(class) => set(&class.kind),
        ClassSetItem::Union(union) => sum(union.items.iter().map(item)),
    }
}
