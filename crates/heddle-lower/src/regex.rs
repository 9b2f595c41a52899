//! Regular expressions that users write, which must be such that RE2 loads them too.

mod foreign;
mod size;

use regex_syntax::ast::parse::ParserBuilder;

/// The longest expression that is taken, in bytes.
const LONGEST: usize = 1024;

/// The largest program that is taken, in RE2's instructions: Envoy's default for
/// `re2.max_program_size.error_level`.
const LARGEST: u32 = 100;

/// Refuses an expression that RE2 might not load or might understand otherwise: a proxy that cannot load one
/// expression refuses a whole table of routes.
///
/// # Errors
/// Says what is wrong, without the expression.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(format!("it has {} bytes, want 1 to {LONGEST}", text.len()));
    }
    if text.contains("{,") {
        return Err("a repetition needs a least number".into());
    }
    let ast = ParserBuilder::new().nest_limit(50).build().parse(text);
    let ast = ast.map_err(|error| error.kind().to_string())?;
    foreign::check(&ast)?;
    match size::of(&ast) {
        size if size > LARGEST => {
            Err(format!("it makes a program of about {size} steps, at most {LARGEST} are allowed"))
        }
        _ => Ok(()),
    }
}
