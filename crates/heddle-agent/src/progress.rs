//! The agent's progress, which the child waits for and probes show.

use std::time::SystemTime;

/// The progress of the agent. Kept in a watch channel: written by whoever makes progress, read by all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The time at which the certificate in the files ends; `None` before there is one.
    pub(crate) certificate_ends: Option<SystemTime>,
    /// Certificates that were written.
    pub(crate) renewals: u64,
    /// Requests that gave none.
    pub(crate) failures: u64,
    /// The child.
    pub(crate) child: Child,
}

/// The child's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Child {
    /// There is none and there will be none.
    #[default]
    None,
    /// It waits for the certificates.
    Waiting,
    /// It runs.
    Running,
    /// It runs, and was or will be told to end.
    Draining,
}

impl Progress {
    /// Returns what is missing before traffic may come; nothing if ready.
    pub(crate) fn waits_for(&self, now: SystemTime) -> Option<&'static str> {
        match self.certificate_ends {
            None => Some("the first certificate"),
            Some(ends) if ends < now => Some("a certificate that is not expired"),
            Some(_) => self.child.waits_for(),
        }
    }
}

impl Child {
    /// Returns what is missing of the child itself; nothing if it is there.
    pub(crate) fn waits_for(self) -> Option<&'static str> {
        match self {
            Self::Waiting => Some("the child"),
            Self::Draining => Some("nothing: draining"),
            Self::None | Self::Running => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn readiness_names_what_it_waits_for() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let (soon, past) = (Some(now + Duration::from_secs(1)), Some(now - Duration::from_secs(1)));
        let waits = |certificate_ends, child| {
            Progress { certificate_ends, child, ..Progress::default() }.waits_for(now)
        };
        assert_eq!(waits(None, Child::Waiting), Some("the first certificate"));
        assert_eq!(waits(past, Child::Running), Some("a certificate that is not expired"));
        assert_eq!(waits(soon, Child::Waiting), Some("the child"));
        assert_eq!(waits(soon, Child::Draining), Some("nothing: draining"));
        assert_eq!(waits(soon, Child::Running), None);
        assert_eq!(waits(soon, Child::None), None);
    }
}
