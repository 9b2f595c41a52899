//! The servers' interface to the task that owns the mesh: its published states, and the clients that it publishes for.

pub use heddle_xds::Client;

use crate::refusal::Refusal;
use heddle_model::{Name, Snapshot, WorkloadKey};
use heddle_session::{Resource, ResourceType, View};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// One published state. A new one for every change, and for every client whose groups were not there yet.
pub trait Published: Send + Sync + 'static {
    /// An encoded resource.
    type Resource: Resource + Send + Sync + 'static;
    /// All resources of one client.
    type View: View<Resource = Self::Resource> + Send + 'static;

    /// The mesh.
    fn snapshot(&self) -> &Snapshot;
    /// The UID of the object that a workload is; `None` where objects have none.
    fn uid(&self, workload: &WorkloadKey) -> Option<Name>;
    /// The time at which the change that this state brought came in.
    fn since(&self) -> Instant;
    /// The resources of `client`; `None` until the owner has projected what is its own.
    fn view(self: &Arc<Self>, client: &Client) -> Option<Self::View>;
    /// The groups that `client` belongs to, in words, the last one winning.
    fn groups(&self, client: &Client) -> Vec<String>;
    /// The objects that a resource of `client` was made from, in words.
    fn objects(&self, client: &Client, ty: ResourceType, name: &Name) -> Vec<String>;
}

/// A change of the clients that are served. The owner may drop what it holds for a client that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// A stream began. Several may be of one client.
    Joined(Client),
    /// A stream ended.
    Left(Client),
}

/// The changes that the owner's sources may have missed, a line each; empty while they are heard.
pub type Stale = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// The servers' end of the owner.
pub struct Engine<P> {
    published: watch::Receiver<Option<Arc<P>>>,
    members: mpsc::UnboundedSender<Membership>,
    admitted: watch::Receiver<()>,
    stale: Stale,
}

/// The owner's end of the servers.
pub struct Publisher<P> {
    /// The place to which it publishes. Nothing is answered before the first state, which comes after the first complete
    /// list of every kind.
    pub published: watch::Sender<Option<Arc<P>>>,
    /// The clients that join and leave: bounded by the bound on streams.
    pub members: mpsc::UnboundedReceiver<Membership>,
    admitted: watch::Sender<()>,
}

/// The owner's message to one stream.
pub(crate) struct News<P> {
    published: watch::Receiver<Option<Arc<P>>>,
    admitted: watch::Receiver<()>,
}

/// The event that a stream waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A change of the mesh.
    Change,
    /// The same, or to be admitted: the last state held nothing for its client.
    Admission,
}

/// A client's membership; it leaves when this is dropped.
pub(crate) struct Member {
    client: Client,
    members: mpsc::UnboundedSender<Membership>,
}

/// A pair of ends.
pub fn engine<P>() -> (Publisher<P>, Engine<P>) {
    let (publish, published) = watch::channel(None);
    let (join, members) = mpsc::unbounded_channel();
    let (admit, admitted) = watch::channel(());
    let stale: Stale = Arc::new(Vec::new);
    (
        Publisher { published: publish, members, admitted: admit },
        Engine { published, members: join, admitted, stale },
    )
}

impl<P> Clone for Engine<P> {
    fn clone(&self) -> Self {
        Self {
            published: self.published.clone(),
            members: self.members.clone(),
            admitted: self.admitted.clone(),
            stale: self.stale.clone(),
        }
    }
}

impl<P> Publisher<P> {
    /// Publishes a state that is new only for clients that joined or left: only those that wait to be admitted
    /// are woken, so that thousands that come at once do not wake each other thousands of times.
    pub fn admit(&self, state: Arc<P>) {
        self.published.send_if_modified(|now| {
            *now = Some(state);
            false
        });
        self.admitted.send_replace(());
    }
}

impl<P: Published> Engine<P> {
    /// The same, which takes no new streams while its sources are stale.
    pub fn unless(self, stale: Stale) -> Self {
        Self { stale, ..self }
    }

    /// Returns whether a new stream may begin.
    ///
    /// # Errors
    /// [`Refusal::Stale`] while other replicas may know more.
    pub(crate) fn fresh(&self) -> Result<(), Refusal> {
        let stale = (self.stale)();
        if stale.is_empty() { Ok(()) } else { Err(Refusal::Stale(stale.join("; "))) }
    }

    /// The newest state.
    ///
    /// # Errors
    /// [`Refusal::NotNow`] before the first one.
    pub fn latest(&self) -> Result<Arc<P>, Refusal> {
        let reading = || Refusal::NotNow("the controller is still reading its objects, try again".into());
        self.published.borrow().clone().ok_or_else(reading)
    }

    /// The first state, when it is there; `None` if the owner has gone.
    pub async fn first(&self) -> Option<Arc<P>> {
        let mut published = self.published.clone();
        let state = published.wait_for(Option::is_some).await.ok()?;
        state.clone()
    }

    /// Told of every state from now on.
    pub(crate) fn news(&self) -> News<P> {
        News { published: self.published.clone(), admitted: self.admitted.clone() }
    }

    /// Tells the owner of a client until the answer is dropped.
    pub(crate) fn join(&self, client: Client) -> Member {
        // An owner that is gone takes the process with it: nobody needs to be told.
        let _ = self.members.send(Membership::Joined(client.clone()));
        Member { client, members: self.members.clone() }
    }
}

impl<P> News<P> {
    /// The newest state.
    pub(crate) fn latest(&mut self) -> Option<Arc<P>> {
        self.admitted.mark_unchanged();
        self.published.borrow_and_update().clone()
    }

    /// The next state that may be of interest; `None` if the owner has gone. May be cancelled.
    pub(crate) async fn next(&mut self, awaited: Awaited) -> Option<Arc<P>> {
        loop {
            let changed = tokio::select! {
                changed = self.published.changed() => changed,
                changed = self.admitted.changed(), if awaited == Awaited::Admission => changed,
            };
            changed.ok()?;
            if let Some(state) = self.latest() {
                return Some(state);
            }
        }
    }

    /// Looks at the newest state without taking note of it.
    pub(crate) fn peek(&self) -> Option<Arc<P>> {
        self.published.borrow().clone()
    }
}

impl<P> Clone for News<P> {
    fn clone(&self) -> Self {
        Self { published: self.published.clone(), admitted: self.admitted.clone() }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.members.send(Membership::Left(self.client.clone()));
    }
}
