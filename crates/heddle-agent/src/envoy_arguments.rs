//! The arguments of an Envoy that Heddle's promises about policies rest on.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Arguments, each with its value, that an Envoy is started with unless its command has them.
///
/// Envoy has no field for these in its bootstrap. A connection of bytes ends at the latest after the drain time once
/// the policy that it was made under has changed; Envoy's own default is ten minutes, gradually.
const DEFAULTS: [(&str, &str); 2] = [("--drain-strategy", "immediate"), ("--drain-time-s", "30")];

/// Returns the arguments that `command` lacks, where it starts an Envoy.
pub(crate) fn missing(command: &[OsString]) -> Vec<&'static str> {
    let Some((program, given)) = command.split_first() else { return Vec::new() };
    if Path::new(program).file_name() != Some(OsStr::new("envoy")) {
        return Vec::new();
    }
    let absent = DEFAULTS.iter().filter(|(name, _)| !given.iter().any(|argument| names(argument, name)));
    absent.flat_map(|(name, value)| [*name, *value]).collect()
}

/// Returns whether an argument is `--name` or `--name=value`.
fn names(argument: &OsStr, name: &str) -> bool {
    let Some(rest) = argument.to_str().and_then(|argument| argument.strip_prefix(name)) else { return false };
    rest.is_empty() || rest.starts_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_of(command: &str) -> String {
        let command: Vec<OsString> = command.split_whitespace().map(OsString::from).collect();
        missing(&command).join(" ")
    }

    #[test]
    fn an_envoy_gets_what_its_command_lacks() {
        let all = "--drain-strategy immediate --drain-time-s 30";
        assert_eq!(missing_of("envoy -c bootstrap.json"), all);
        assert_eq!(missing_of("/usr/local/bin/envoy -c bootstrap.json --drain-time-sx 3"), all);
        assert_eq!(missing_of("envoy --drain-time-s 5"), "--drain-strategy immediate");
        assert_eq!(missing_of("envoy --drain-time-s=5 --drain-strategy gradual"), "");
    }

    #[test]
    fn other_programs_keep_their_arguments() {
        assert_eq!(missing_of("sh -c envoy"), "");
        assert_eq!(missing_of(""), "");
    }
}
