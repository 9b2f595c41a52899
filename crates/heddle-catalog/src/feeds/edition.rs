//! One state of an answer, as bytes that all who are told it share.

use super::Feed;
use bytes::{BufMut, Bytes, BytesMut};
use std::sync::{Arc, OnceLock};

/// One state of an answer. The messages have their gRPC prefix: a socket is given them as they are.
pub struct Edition<F: Feed> {
    sequence: u64,
    /// The sequence of the edition before it, and what differs; the first edition follows none.
    follows: Option<(u64, Arc<[Bytes]>)>,
    answer: F::Answer,
    whole: OnceLock<Arc<[Bytes]>>,
}

impl<F: Feed> Edition<F> {
    pub(super) fn first(sequence: u64, answer: F::Answer) -> Self {
        Self { sequence, follows: None, answer, whole: OnceLock::new() }
    }

    /// The edition after this one. The difference is encoded here, once for all who knew this one.
    pub(super) fn next(&self, sequence: u64, answer: F::Answer) -> Self {
        let since = framed(F::since(&answer, &self.answer));
        Self { sequence, follows: Some((self.sequence, since)), answer, whole: OnceLock::new() }
    }

    /// Grows from edition to edition of a topic.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The answer.
    pub fn answer(&self) -> &F::Answer {
        &self.answer
    }

    /// Returns whether whoever follows must ask again.
    pub fn is_end(&self) -> bool {
        F::is_end(&self.answer)
    }

    /// Returns what a client is sent that knows nothing yet. Encoded when the first one comes.
    pub fn whole(&self) -> Arc<[Bytes]> {
        self.whole.get_or_init(|| framed(F::whole(&self.answer))).clone()
    }

    /// Returns what a client is sent that was told `old`: shared if that is the edition before this one, else worked out.
    pub fn since(&self, old: &Self) -> Arc<[Bytes]> {
        match &self.follows {
            Some((before, since)) if *before == old.sequence => since.clone(),
            Some(_) | None => framed(F::since(&self.answer, &old.answer)),
        }
    }
}

fn framed(messages: Vec<Bytes>) -> Arc<[Bytes]> {
    messages.iter().map(|message| frame(message)).collect()
}

/// A message as gRPC carries it: not compressed, its length, itself.
fn frame(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + message.len());
    out.put_u8(0);
    out.put_u32(u32::try_from(message.len()).expect("a message has less than 4 GiB"));
    out.put_slice(message);
    out.freeze()
}
