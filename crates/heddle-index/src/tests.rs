//! Tests of the index as a whole, by what they hold.

mod access;
mod addresses;
mod arbitrary;
mod build;
mod endpoints;
mod history;
mod inbound;
mod linkerd;
mod networks;
mod routes;
mod work;
