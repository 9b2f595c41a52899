//! The stage of addresses: who owns each, which networks there are, and what lies outside.

pub(crate) mod egress;
pub(crate) mod network;
pub(crate) mod networks_known;
pub(crate) mod owners;
pub(crate) mod reach;
