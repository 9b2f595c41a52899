//! Attacks on the port of a real controller, and the memory that it has meanwhile and afterwards.
//!
//! Each test starts a controller of its own as a child, so that its memory is its own, attacks it within bounds, and has a
//! proxy and an agent served meanwhile and afterwards. Memory is compared with what the child had before.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod controller;
mod floods;
mod honest;
mod raw;
mod texts;
mod unproven;
