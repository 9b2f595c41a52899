//! The workload that a token proves its bearer to be, and whether it still lives.

use heddle_model::{Identity, Name, WorkloadKey};
use std::time::SystemTime;

/// The bearer of a token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its ServiceAccount.
    pub identity: Identity,
    /// The workload that the token is bound to. Unbound tokens outlive whoever had them.
    pub workload: Option<WorkloadKey>,
    /// The UID of that workload. Pods always have one; an `ExternalWorkload` only where its object has.
    pub uid: Option<Name>,
    /// The time at which the token ends, leeway not included: whatever it opened is closed by then.
    pub expires: SystemTime,
}

/// The living workloads. Implemented by whoever watches them.
pub trait Live {
    /// Returns what is known of a workload now.
    fn live(&self, workload: &WorkloadKey) -> Liveness;
}

/// Knowledge of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It is there.
    Alive {
        /// Its UID; `None` where objects have none (a directory of files).
        uid: Option<Name>,
        /// Its ServiceAccount.
        service_account: Name,
    },
    /// It was there, and is not any more.
    Gone,
    /// Never heard of; it may be newer than what the watch has told.
    Unknown,
}

/// The reason for which the workload of a good token gets nothing now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAlive {
    /// Final: ask with a bound token.
    #[error("token of {0} is not bound to a pod or an ExternalWorkload")]
    Unbound(Identity),
    /// Final.
    #[error("{0} is gone")]
    Gone(WorkloadKey),
    /// Final: the name is used again, by another.
    #[error("{workload} has UID {is}, but the token is of UID {token}")]
    Replaced {
        /// The one concerned.
        workload: WorkloadKey,
        /// The UID that the workload has now.
        is: Name,
        /// The UID that the token names.
        token: Name,
    },
    /// Final.
    #[error("{workload} runs as ServiceAccount {is}, but the token is of {token}")]
    Account {
        /// The one concerned.
        workload: WorkloadKey,
        /// As whom it runs.
        is: Name,
        /// The UID that the token names.
        token: Name,
    },
    /// Unavailable: try again in a moment.
    #[error("{0} is not known yet, try again")]
    Unknown(WorkloadKey),
}

impl Caller {
    /// Returns whether the workload that the token is bound to is the one that lives under its name now. Returns it.
    ///
    /// # Errors
    /// All are final but [`NotAlive::Unknown`].
    pub fn check_alive(&self, live: &dyn Live) -> Result<&WorkloadKey, NotAlive> {
        let Self { identity, workload, uid, expires: _ } = self;
        let workload = workload.as_ref().ok_or_else(|| NotAlive::Unbound(identity.clone()))?;
        let (now, account) = match live.live(workload) {
            Liveness::Alive { uid, service_account } => (uid, service_account),
            Liveness::Gone => return Err(NotAlive::Gone(workload.clone())),
            Liveness::Unknown => return Err(NotAlive::Unknown(workload.clone())),
        };
        match (uid, now) {
            (Some(token), Some(is)) if *token != is => {
                return Err(NotAlive::Replaced { workload: workload.clone(), is, token: token.clone() });
            }
            // A token that names a UID is never taken on its name alone.
            (Some(_), None) => return Err(NotAlive::Unknown(workload.clone())),
            (Some(_) | None, _) => {}
        }
        if account != identity.service_account {
            let token = identity.service_account.clone();
            return Err(NotAlive::Account { workload: workload.clone(), is: account, token });
        }
        Ok(workload)
    }
}
