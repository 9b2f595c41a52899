//! The authority and the agent under what goes wrong: races on the state folder, files that change, a flood.

#![allow(clippy::disallowed_methods, reason = "real processes are waited for")]

mod flood;
mod mounted;
mod process;
mod races;
