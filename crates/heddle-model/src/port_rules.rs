//! The rules that hold at a port of a workload, declared or not: the one look-up that the decisions and every dialect share.

use crate::SourceRef;
use crate::access::{Access, RateLimit};
use crate::fact::{Mtls, Protocol};
use crate::snapshot::{InboundDefault, InboundPort, Workload};

/// The rules that hold at a port.
#[derive(Clone, Copy, Debug)]
pub struct PortRules<'a> {
    /// Its protocol. That of a port which nobody declared is told from the first bytes.
    pub protocol: Protocol,
    /// Its mTLS mode.
    pub mtls: Mtls,
    /// The policy that set the mode; `None` is the default.
    pub mtls_source: Option<&'a SourceRef>,
    /// Its access rules.
    pub access: &'a Access,
    /// The number of requests that it takes.
    pub rate_limit: Option<&'a RateLimit>,
}

impl InboundPort {
    /// Returns the rules of a declared port. The application listens at `app_port`, which no rule is about.
    pub fn rules(&self) -> PortRules<'_> {
        let Self { port: _, app_port: _, protocol, mtls, mtls_source, access, rate_limit } = self;
        PortRules {
            protocol: *protocol,
            mtls: *mtls,
            mtls_source: mtls_source.as_ref(),
            access,
            rate_limit: rate_limit.as_deref(),
        }
    }
}

impl InboundDefault {
    /// Returns the rules of every port that nobody declared.
    pub fn rules(&self) -> PortRules<'_> {
        let Self { mtls, mtls_source, access } = self;
        PortRules {
            protocol: Protocol::Detect,
            mtls: *mtls,
            mtls_source: mtls_source.as_ref(),
            access,
            rate_limit: None,
        }
    }
}

impl Workload {
    /// Returns the rules that hold at a port, declared or not.
    pub fn rules_at(&self, number: u16) -> PortRules<'_> {
        self.port(number).map_or_else(|| self.undeclared.rules(), InboundPort::rules)
    }
}
