//! One stream: a body that is polled when there is room to send.

use super::question::{Extent, Kind};
use super::streams::slot::{self, StreamSlot};
use crate::feeds::Following;
use crate::refusal::Ended;
use bytes::Bytes;
use heddle_catalog::{Edition, Feed};
use http::HeaderMap;
use hyper::body::{Body, Frame};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::Status;

/// The answers to one question: shared bytes, whole at first, then what differs, then the trailers.
///
/// There is no queue. What is sent next is worked out from the newest edition when the socket takes it.
pub(super) struct Answers<F: Feed> {
    following: Following<F>,
    seat: StreamSlot,
    extent: Extent,
    /// The edition that the client was told last.
    known: Option<Arc<Edition<F>>>,
    /// Its messages, and how many of them are on their way.
    messages: Arc<[Bytes]>,
    next: usize,
    ended: bool,
}

impl<F: Feed> Answers<F> {
    pub(super) fn new(following: Following<F>, seat: StreamSlot, extent: Extent) -> Self {
        let messages = Arc::default();
        Self { following, seat, extent, known: None, messages, next: 0, ended: false }
    }

    /// The next message, or the status that the stream ends with.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Status>> {
        if let Some(ended) = self.seat.poll_end(cx) {
            return Poll::Ready(Err(ended));
        }
        loop {
            if let Some(message) = self.messages.get(self.next) {
                self.next += 1;
                self.seat.sent(message.len());
                return Poll::Ready(Ok(message.clone()));
            }
            self.messages = Arc::default();
            if self.extent == Extent::Once && self.known.is_some() {
                return Poll::Ready(Err(Status::ok("")));
            }
            let Poll::Ready(edition) = self.following.poll(cx) else { return Poll::Pending };
            if edition.is_end() {
                return Poll::Ready(Err(self.ask_again()));
            }
            self.take(edition);
        }
    }

    fn take(&mut self, edition: Arc<Edition<F>>) {
        let known = self.known.replace(edition.clone());
        self.messages = known.map_or_else(|| edition.whole(), |known| edition.since(&known));
        self.next = 0;
        self.seat.tells(edition.sequence());
    }

    /// An end without an error has the proxy ask again; a call that wants one message needs a reason. A port has no
    /// answer any more when its workload has gone, which its guard may not have noticed yet.
    fn ask_again(&self) -> Status {
        match (self.seat.kind(), self.extent) {
            (Kind::WatchPort, _) => slot::status(Ended::Gone),
            (Kind::Get | Kind::GetProfile | Kind::Watch, Extent::Follow) => Status::ok(""),
            (Kind::Get | Kind::GetProfile | Kind::Watch, Extent::Once) => {
                Status::unavailable("the answer is about to change, try again")
            }
        }
    }
}

impl<F: Feed> Body for Answers<F> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        match this.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(message)) => Poll::Ready(Some(Ok(Frame::data(message)))),
            Poll::Ready(Err(status)) => {
                this.ended = true;
                this.seat.ends(&status);
                let mut trailers = HeaderMap::new();
                Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
