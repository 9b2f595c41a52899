//! The stage of Services: their ports and protocols, and who is behind them.

pub(crate) mod endpoints;
pub(crate) mod member;
pub(crate) mod no_endpoint;
pub(crate) mod port_protocol;
pub(crate) mod selection;
pub(crate) mod service;
pub(crate) mod service_port;
