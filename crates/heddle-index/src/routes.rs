//! The stage of routes: what each is attached to, and one table for each Service port.

pub(crate) mod attachment;
pub(crate) mod image;
pub(crate) mod parent;
pub(crate) mod parent_ports;
pub(crate) mod precedence;
pub(crate) mod table;
pub(crate) mod tellable;
