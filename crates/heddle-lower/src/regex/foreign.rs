//! Expressions that the parser takes and RE2 does not, or takes for something else.

use regex_syntax::ast::{
    self, AssertionKind, Ast, ClassSetBinaryOp, ClassSetItem, Flag, Flags, FlagsItemKind, GroupKind, Literal,
    LiteralKind, SpecialLiteralKind, Visitor,
};

/// # Errors
/// Names the first thing found.
pub(super) fn check(ast: &Ast) -> Result<(), String> {
    ast::visit(ast, Foreign)
}

struct Foreign;

impl Visitor for Foreign {
    type Output = ();
    type Err = String;

    fn finish(self) -> Result<(), String> {
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
    fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
        match ast {
            Ast::Empty(_) | Ast::Dot(_) | Ast::Alternation(_) | Ast::Concat(_) => Ok(()),
            Ast::ClassPerl(_) | Ast::ClassBracketed(_) => Ok(()),
            Ast::Literal(literal) => check_literal(literal),
            Ast::Flags(set) => check_flags(&set.flags),
            Ast::Assertion(assertion) => check_assertion(&assertion.kind),
            Ast::ClassUnicode(_) => Err("Unicode classes are not supported".into()),
            Ast::Repetition(repetition) => match *repetition.ast {
                Ast::Repetition(_) => Err("a repetition cannot be repeated without a group".into()),
                Ast::Assertion(_) | Ast::Empty(_) | Ast::Flags(_) => {
                    Err("an assertion cannot be repeated".into())
                }
                _ => Ok(()),
            },
            Ast::Group(group) => match &group.kind {
                GroupKind::CaptureIndex(_) => Ok(()),
                GroupKind::CaptureName { starts_with_p: true, name } if is_word(&name.name) => Ok(()),
                GroupKind::CaptureName { .. } => {
                    Err("a named group is written (?P<name>…), its name of letters, digits and _".into())
                }
                GroupKind::NonCapturing(flags) => check_flags(flags),
            },
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), String> {
        match item {
            ClassSetItem::Literal(literal) => check_literal(literal),
            ClassSetItem::Range(range) => {
                check_literal(&range.start)?;
                check_literal(&range.end)
            }
            ClassSetItem::Bracketed(_) => Err("a class within a class is not supported".into()),
            ClassSetItem::Unicode(_) => Err("Unicode classes are not supported".into()),
            ClassSetItem::Empty(_)
            | ClassSetItem::Ascii(_)
            | ClassSetItem::Perl(_)
            | ClassSetItem::Union(_) => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ClassSetBinaryOp) -> Result<(), String> {
        Err("operators within a class are not supported".into())
    }
}

fn check_literal(literal: &Literal) -> Result<(), String> {
    if !literal.c.is_ascii() {
        return Err("only ASCII characters are supported, since proxies compare bytes".into());
    }
    match &literal.kind {
        LiteralKind::Verbatim | LiteralKind::Meta | LiteralKind::Superfluous => Ok(()),
        LiteralKind::HexFixed(ast::HexLiteralKind::X) | LiteralKind::HexBrace(ast::HexLiteralKind::X) => {
            Ok(())
        }
        LiteralKind::Special(SpecialLiteralKind::Space) => Err("an escaped space is not supported".into()),
        LiteralKind::Special(_) => Ok(()),
        LiteralKind::Octal | LiteralKind::HexFixed(_) | LiteralKind::HexBrace(_) => {
            Err("a character is written by number as \\x7F or \\x{7F}".into())
        }
    }
}

fn is_word(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
fn check_flags(flags: &Flags) -> Result<(), String> {
    for item in &flags.items {
        match item.kind {
            FlagsItemKind::Flag(Flag::CaseInsensitive | Flag::DotMatchesNewLine) => {}
            _ => return Err("only the flags i and s are supported".into()),
        }
    }
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
fn check_assertion(kind: &AssertionKind) -> Result<(), String> {
    match kind {
        AssertionKind::StartLine
        | AssertionKind::EndLine
        | AssertionKind::StartText
        | AssertionKind::EndText => Ok(()),
        AssertionKind::WordBoundary | AssertionKind::NotWordBoundary => Ok(()),
        _ => Err("only ^, $, \\A, \\z, \\b and \\B are supported as assertions".into()),
    }
}
