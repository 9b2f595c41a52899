//! The format of what a command prints.

/// Text for people, or JSON for scripts.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
pub(super) enum Output {
    #[default]
    Text,
    Json,
}
