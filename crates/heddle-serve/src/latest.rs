//! The newest value of something, and who waits for a newer one.
//!
//! A watch channel of few bytes: a reader that waits is a waker in a table, not a future of its own, so ten thousand
//! idle streams cost little, and only readers of this line wake when it has news.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The writer's end. Clones write the same line.
pub(crate) struct Latest<T>(Shared<T>);

/// A reader's end.
pub(crate) struct LatestReader<T> {
    line: Shared<T>,
    id: u64,
    /// The number of the value it saw last; 0 is none.
    seen: u64,
}

type Shared<T> = Arc<Mutex<State<T>>>;

struct State<T> {
    /// Grows with every value, from 1 on.
    number: u64,
    value: Arc<T>,
    readers: u64,
    waiting: BTreeMap<u64, Waker>,
}

impl<T> Latest<T> {
    /// A line that begins with a value.
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(Arc::new(Mutex::new(State { number: 1, value, readers: 0, waiting: BTreeMap::new() })))
    }

    /// Replaces the value. Returns how many readers it woke.
    pub(crate) fn send(&self, value: Arc<T>) -> usize {
        let mut state = lock(&self.0);
        state.number += 1;
        // What was there before is let go outside the lock.
        let before = std::mem::replace(&mut state.value, value);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(before);
        let woken = waiting.len();
        waiting.into_values().for_each(Waker::wake);
        woken
    }

    /// A reader that has seen nothing: what it reads first is what is there now.
    pub(crate) fn reader(&self) -> LatestReader<T> {
        let mut state = lock(&self.0);
        state.readers += 1;
        LatestReader { line: self.0.clone(), id: state.readers, seen: 0 }
    }
}

impl<T> LatestReader<T> {
    /// The newest value, once it is newer than the one before.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arc<T>> {
        let mut state = lock(&self.line);
        if state.number > self.seen {
            self.seen = state.number;
            return Poll::Ready(state.value.clone());
        }
        match state.waiting.get_mut(&self.id) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => drop(state.waiting.insert(self.id, cx.waker().clone())),
        }
        Poll::Pending
    }

    /// Waits for the next value.
    pub(crate) async fn next(&mut self) -> Arc<T> {
        poll_fn(|cx| self.poll(cx)).await
    }
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Drop for LatestReader<T> {
    fn drop(&mut self) {
        lock(&self.line).waiting.remove(&self.id);
    }
}

fn lock<T>(line: &Shared<T>) -> MutexGuard<'_, State<T>> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<T>(reader: &mut LatestReader<T>) -> Poll<Arc<T>> {
        reader.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_reader_sees_the_newest_value_once() {
        let line = Latest::new(Arc::new(1));
        let mut reader = line.reader();
        assert_eq!(poll(&mut reader), Poll::Ready(Arc::new(1)));
        assert_eq!(poll(&mut reader), Poll::Pending);
        line.send(Arc::new(2));
        line.send(Arc::new(3));
        assert_eq!(poll(&mut reader), Poll::Ready(Arc::new(3)));
        assert_eq!(poll(&mut reader), Poll::Pending);
    }

    #[test]
    fn only_readers_that_wait_are_woken_each_once() {
        let (line, other) = (Latest::new(Arc::new(1)), Latest::new(Arc::new(1)));
        let (mut waits, mut reads, mut elsewhere) = (line.reader(), line.reader(), other.reader());
        for reader in [&mut waits, &mut elsewhere] {
            assert!(poll(reader).is_ready());
            assert!(poll(reader).is_pending());
            assert!(poll(reader).is_pending());
        }
        assert!(poll(&mut reads).is_ready());
        assert_eq!(line.send(Arc::new(2)), 1);
        assert_eq!(line.send(Arc::new(3)), 0);
    }

    #[test]
    fn a_reader_that_went_waits_no_more_and_holds_nothing() {
        let line = Latest::new(Arc::new(1));
        let mut reader = line.reader();
        assert!(poll(&mut reader).is_ready());
        assert!(poll(&mut reader).is_pending());
        drop(reader);
        assert_eq!(line.send(Arc::new(2)), 0);
        assert_eq!(Arc::strong_count(&line.0), 1);
    }

    #[test]
    fn an_older_value_is_held_by_nobody() {
        let first = Arc::new(1);
        let line = Latest::new(first.clone());
        let _reader = line.reader();
        line.send(Arc::new(2));
        assert_eq!(Arc::strong_count(&first), 1);
    }
}
