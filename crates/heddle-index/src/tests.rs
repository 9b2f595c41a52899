//! Tests of the index as a whole, by what they hold.

mod arbitrary;
mod build;
mod endpoints;
mod history;
mod inbound;
mod work;
