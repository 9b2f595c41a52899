//! Names and keys: who is meant, in canonical form.

use crate::Kind;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A name that many facts share: a namespace, an object, a port, a zone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The object that a fact or a decision comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceRef {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty for cluster-scoped kinds.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

impl SourceRef {
    /// The object `name` of `kind` in `namespace` (empty for cluster-scoped kinds).
    pub fn new(kind: Kind, namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            return write!(f, "{} {}", self.kind, self.name);
        }
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

impl ServiceKey {
    /// The Service `name` in `namespace`.
    pub fn new(namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The object of this key.
    pub fn source(&self) -> SourceRef {
        SourceRef { kind: Kind::Service, namespace: self.namespace.clone(), name: self.name.clone() }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One port of a Service, by the number that clients dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePortKey {
    /// The Service.
    pub service: ServiceKey,
    /// Its port, as in `spec.ports[].port`.
    pub port: u16,
}

impl fmt::Display for ServicePortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.port)
    }
}

/// The kind of a workload to Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// A Pod.
    Pod,
    /// A process outside the cluster, named by an `ExternalWorkload`.
    External,
    /// A process outside the cluster, named by an `ExternalWorkload` of Linkerd's.
    LinkerdExternal,
}

impl WorkloadKind {
    /// Every kind, in order.
    pub const ALL: [Self; 3] = [Self::Pod, Self::External, Self::LinkerdExternal];

    /// The kind of the object that a workload of this kind is.
    pub const fn object(self) -> Kind {
        match self {
            Self::Pod => Kind::Pod,
            Self::External => Kind::ExternalWorkload,
            Self::LinkerdExternal => Kind::LinkerdExternalWorkload,
        }
    }

    /// Returns the kind of the workload that an object of a kind is.
    pub fn from_object(kind: Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.object() == kind)
    }

    /// The word for it in keys.
    const fn word(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::External => "external",
            Self::LinkerdExternal => "linkerd-external",
        }
    }
}

/// A workload: a Pod or an `ExternalWorkload`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadKey {
    /// Its namespace.
    pub namespace: Name,
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: Name,
}

impl WorkloadKey {
    /// The workload `name` in `namespace`.
    pub fn new(kind: WorkloadKind, namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { namespace: namespace.into(), kind, name: name.into() }
    }

    /// Returns the workload that an object is, if its kind is one of workloads.
    pub fn from_source(source: &SourceRef) -> Option<Self> {
        let kind = WorkloadKind::from_object(source.kind)?;
        Some(Self { namespace: source.namespace.clone(), kind, name: source.name.clone() })
    }

    /// The object of this key.
    pub fn source(&self) -> SourceRef {
        let kind = self.kind.object();
        SourceRef { kind, namespace: self.namespace.clone(), name: self.name.clone() }
    }
}

/// `pod/NAMESPACE/NAME`, `external/NAMESPACE/NAME` or `linkerd-external/NAMESPACE/NAME`: also the node id of
/// its proxy.
impl fmt::Display for WorkloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind.word(), self.namespace, self.name)
    }
}

/// The reason for which a string does not name a workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a workload, want \"pod/<namespace>/<name>\" or \"external/<namespace>/<name>\"")]
pub struct BadWorkloadKey(pub String);

impl std::str::FromStr for WorkloadKey {
    type Err = BadWorkloadKey;

    /// Names of objects are no longer than 253 characters of ASCII: what else is named names no workload.
    fn from_str(text: &str) -> Result<Self, BadWorkloadKey> {
        const MOST: usize = 600;
        let bad = || BadWorkloadKey(text.chars().take(256).collect());
        let mut parts = text.split('/');
        let (Some(kind), Some(namespace), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let kind = WorkloadKind::ALL.into_iter().find(|known| known.word() == kind).ok_or_else(bad)?;
        let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        if text.len() > MOST || !is_name(namespace) || !is_name(name) {
            return Err(bad());
        }
        Ok(Self::new(kind, namespace, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_reads_back_what_it_prints() {
        for kind in WorkloadKind::ALL {
            let key = WorkloadKey::new(kind, "shop", "web-0");
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn no_two_kinds_are_printed_alike() {
        let printed: std::collections::BTreeSet<String> = Kind::ALL.map(|kind| kind.to_string()).into();
        assert_eq!(printed.len(), Kind::ALL.len());
        let route = SourceRef::new(Kind::LinkerdHttpRoute, "shop", "web");
        assert_eq!(route.to_string(), "HTTPRoute.policy.linkerd.io shop/web");
    }

    #[test]
    fn what_is_not_a_workload_says_what_is_wanted() {
        for text in ["", "pod", "pod/shop", "pod//web", "pod/shop/web/x", "vm/shop/web"] {
            let want = format!(
                "{text:?} is not a workload, want \"pod/<namespace>/<name>\" or \"external/<namespace>/<name>\""
            );
            assert_eq!(text.parse::<WorkloadKey>().map_err(|e| e.to_string()), Err(want));
        }
    }
}
