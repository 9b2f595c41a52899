//! The messages of a request, read from its body one by one, no further than they may be long.
//!
//! On the wire each is a byte that says whether it is compressed, four bytes of length, and so many bytes.

use crate::reception::{Reception, Room};
use bytes::{Buf, Bytes, BytesMut};
use futures::future::BoxFuture;
use heddle_model::Identity;
use hyper::body::{Body, Incoming};
use prost::Message;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

/// Bytes before each message.
const HEAD: usize = 5;
/// Messages up to this length need no room: streams are so few that these are nothing.
const SMALL: usize = 4 * 1024;

/// The reason for which a request has no more messages that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// It is too long.
    #[error("a message has {came} bytes, want at most {most}")]
    Long {
        /// Its length.
        came: usize,
        /// The limit.
        most: usize,
    },
    /// It is compressed.
    #[error("a message is compressed, which is not taken")]
    Compressed,
    /// It does not come as fast as it must.
    #[error("a message took longer than {0:?}")]
    Slow(Duration),
    /// The request ended before it did.
    #[error("the request ends within a message")]
    Cut,
    /// It is not what the method takes.
    #[error("a message cannot be read: {0}")]
    Unreadable(String),
    /// There is none.
    #[error("the request has no message")]
    Missing,
    /// The peer or its connection is gone.
    #[error("the request broke off")]
    Broken,
}

/// The messages of a request.
pub(crate) struct Messages {
    body: Incoming,
    /// The bytes that came and belong to no message that was read.
    came: BytesMut,
    most: usize,
    patience: Duration,
    /// The time at which the message that is on its way must be here.
    due: Option<Instant>,
    /// The pool of room for large messages.
    reception: Option<(Arc<Reception>, Identity)>,
    awaited: Option<BoxFuture<'static, Room>>,
    room: Option<Room>,
}

impl Messages {
    /// Messages of at most `most` bytes, each of which may take `patience` to arrive.
    pub(crate) fn new(body: Incoming, most: usize, patience: Duration) -> Self {
        Self {
            body,
            came: BytesMut::new(),
            most,
            patience,
            due: None,
            reception: None,
            awaited: None,
            room: None,
        }
    }

    /// Has large messages wait for room among those of all peers.
    pub(crate) fn within(&mut self, reception: Arc<Reception>, identity: Identity) {
        self.reception = Some((reception, identity));
    }

    /// The next message; `None` at the end of the request. May be cancelled, and called again.
    ///
    /// The room of the one before is given up.
    ///
    /// # Errors
    /// If it is too long, does not come whole, or cannot be read.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, BadMessage> {
        if self.awaited.is_none() && self.due.is_none() {
            self.room = None;
        }
        let Some(length) = self.head().await? else { return Ok(None) };
        self.make_room(length).await;
        let due = self.due();
        let filled = timeout_at(due, fill(&mut self.body, &mut self.came, HEAD + length)).await;
        filled.map_err(|_| BadMessage::Slow(self.patience))??;
        self.due = None;
        Ok(Some(self.take(length)?))
    }

    /// Waits until something of a message is here, or the request has ended.
    pub(crate) async fn begun(&mut self) {
        if self.came.is_empty()
            && let Ok(Some(data)) = data(&mut self.body).await
        {
            self.came.extend_from_slice(&data);
        }
    }

    /// The first message of a request that has one.
    ///
    /// # Errors
    /// As [`Self::next`], and if there is none.
    pub(crate) async fn only<M: Message + Default>(&mut self) -> Result<M, BadMessage> {
        self.next().await?.ok_or(BadMessage::Missing)
    }

    /// Gives up the room of the message that was read last, now that nothing is left of it.
    pub(crate) fn done(&mut self) {
        self.room = None;
    }

    /// The length of the next message, once its head is here.
    async fn head(&mut self) -> Result<Option<usize>, BadMessage> {
        while self.came.is_empty() {
            match data(&mut self.body).await? {
                Some(data) => self.came.extend_from_slice(&data),
                None => return Ok(None),
            }
        }
        let due = self.due();
        let filled = timeout_at(due, fill(&mut self.body, &mut self.came, HEAD)).await;
        filled.map_err(|_| BadMessage::Slow(self.patience))??;
        let mut head = &self.came[..HEAD];
        if head.get_u8() != 0 {
            return Err(BadMessage::Compressed);
        }
        let length = usize::try_from(head.get_u32()).unwrap_or(usize::MAX);
        match length > self.most {
            true => Err(BadMessage::Long { came: length, most: self.most }),
            false => Ok(Some(length)),
        }
    }

    /// Waits until a message of `length` bytes may come in.
    async fn make_room(&mut self, length: usize) {
        if let Some((reception, identity)) = &self.reception
            && self.room.is_none()
            && length > SMALL
        {
            let (reception, identity) = (reception.clone(), identity.clone());
            let wait = || -> BoxFuture<'static, Room> {
                Box::pin(async move { reception.room(&identity, length).await })
            };
            // Kept where this is cancelled: a place in a queue is not to be lost.
            let awaited = self.awaited.get_or_insert_with(wait);
            let room = awaited.as_mut().await;
            // Its peer is not to blame for the time that this took.
            (self.awaited, self.due) = (None, None);
            self.room = Some(room);
        }
        self.came.reserve((HEAD + length).saturating_sub(self.came.len()));
    }

    /// The time at which the message must be here that has begun to come.
    fn due(&mut self) -> Instant {
        *self.due.get_or_insert_with(|| Instant::now() + self.patience)
    }

    fn take<M: Message + Default>(&mut self, length: usize) -> Result<M, BadMessage> {
        let message = M::decode(&self.came[HEAD..HEAD + length]);
        // The buffer of a large message is not kept for small ones.
        self.came = BytesMut::from(&self.came[HEAD + length..]);
        message.map_err(|error| BadMessage::Unreadable(error.to_string()))
    }
}

async fn fill(body: &mut Incoming, came: &mut BytesMut, length: usize) -> Result<(), BadMessage> {
    while came.len() < length {
        came.extend_from_slice(&data(body).await?.ok_or(BadMessage::Cut)?);
    }
    Ok(())
}

/// The next bytes of a body; `None` at its end.
async fn data(body: &mut Incoming) -> Result<Option<Bytes>, BadMessage> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        match frame.transpose().map_err(|_| BadMessage::Broken)? {
            Some(frame) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_trailers) => {}
            },
            None => return Ok(None),
        }
    }
}

impl BadMessage {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Long { .. } => Code::ResourceExhausted,
            Self::Compressed => Code::Unimplemented,
            Self::Slow(_) => Code::DeadlineExceeded,
            Self::Cut | Self::Unreadable(_) | Self::Missing => Code::InvalidArgument,
            Self::Broken => Code::Cancelled,
        }
    }
}

impl From<BadMessage> for Status {
    fn from(bad: BadMessage) -> Self {
        Self::new(bad.code(), bad.to_string())
    }
}
