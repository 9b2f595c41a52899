//! Responses of calls: messages as they come, and then the status.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use hyper::body::{Body, Frame};
use prost::Message;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;
use tonic::Status;
use tonic::metadata::GRPC_CONTENT_TYPE;

/// The messages of a response. Nothing is kept of one that was sent.
pub(crate) struct Replies<T> {
    messages: mpsc::Receiver<Result<T, Status>>,
    ended: bool,
}

/// A response of these messages; the last one may be the status that it ends with.
pub(crate) fn stream<T: Message + 'static>(
    messages: mpsc::Receiver<Result<T, Status>>,
) -> Response<tonic::body::Body> {
    response(Replies { messages, ended: false })
}

/// A response of one message.
pub(crate) fn one<T: Message + 'static>(message: T) -> Response<tonic::body::Body> {
    let (sender, messages) = mpsc::channel(1);
    sender.try_send(Ok(message)).map_err(drop).expect("the channel is empty");
    stream(messages)
}

/// A response whose body knows how to end.
pub(crate) fn response<B>(body: B) -> Response<tonic::body::Body>
where
    B: Body<Data = Bytes, Error = Status> + Send + 'static,
{
    let mut response = Response::new(tonic::body::Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
    response
}

impl<T: Message> Body for Replies<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let status = match ready!(self.messages.poll_recv(cx)) {
            Some(Ok(message)) => return Poll::Ready(Some(Ok(Frame::data(framed(&message))))),
            Some(Err(status)) => status,
            None => Status::ok(""),
        };
        self.ended = true;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

/// A message behind the byte that says that it is not compressed, and its length.
fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(5 + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).expect("a message is shorter than 4 GiB"));
    message.encode(&mut bytes).expect("there is room for it");
    bytes.freeze()
}
