//! IP families: which endpoints a client gets that dialled an address of one of them.

use std::fmt;
use std::net::IpAddr;

/// An IP family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The IP families of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Families {
    /// Not stated: a headless Service without `spec.ipFamilies`, or a Service without virtual IPs. Its endpoints
    /// form one set.
    #[default]
    Unstated,
    /// Endpoints of this family only.
    Single(Family),
    /// Endpoints of both families, as two sets. This one is the first in `spec.clusterIPs`.
    Dual(Family),
}

impl Family {
    /// Returns the family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Returns the other family.
    pub fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

/// As Kubernetes writes it.
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl Families {
    /// Returns the families in a list, whose first entry is the first family.
    pub fn from_list(list: impl IntoIterator<Item = Family>) -> Self {
        let mut list = list.into_iter();
        match list.next() {
            None => Self::Unstated,
            Some(first) if list.any(|other| other != first) => Self::Dual(first),
            Some(first) => Self::Single(first),
        }
    }

    /// Returns whether endpoints of a family belong to the Service.
    pub fn include(self, family: Family) -> bool {
        match self {
            Self::Unstated | Self::Dual(_) => true,
            Self::Single(only) => only == family,
        }
    }

    /// Returns the second family of a dual-stack Service.
    pub fn second(self) -> Option<Family> {
        match self {
            Self::Unstated | Self::Single(_) => None,
            Self::Dual(first) => Some(first.other()),
        }
    }

    /// Returns the family of the endpoints that a client gets, or `None` for all endpoints.
    ///
    /// The family of the dialled address decides, as for kube-proxy. A backend of a route that lacks this family
    /// serves with the one that it has. A client that names its target gets the first family.
    pub fn serving(self, dialled: Option<Family>) -> Option<Family> {
        match self {
            Self::Unstated => None,
            Self::Single(only) => Some(only),
            Self::Dual(first) => Some(dialled.unwrap_or(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Family::{V4, V6};

    #[test]
    fn the_dialled_family_decides_where_a_service_has_it() {
        let serving =
            |families: Families| [None, Some(V4), Some(V6)].map(|dialled| families.serving(dialled));
        assert_eq!(serving(Families::Dual(V6)), [Some(V6), Some(V4), Some(V6)]);
        assert_eq!(serving(Families::Single(V4)), [Some(V4); 3]);
        assert_eq!(serving(Families::Unstated), [None; 3]);
    }

    #[test]
    fn a_list_names_its_first_family_first() {
        for (list, want) in [
            (&[][..], Families::Unstated),
            (&[V6], Families::Single(V6)),
            (&[V4, V4], Families::Single(V4)),
            (&[V6, V6, V4], Families::Dual(V6)),
        ] {
            assert_eq!(Families::from_list(list.iter().copied()), want);
        }
    }
}
