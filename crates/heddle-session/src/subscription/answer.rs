//! The effect of an acknowledgement or a refusal.

use super::{ClientState, InFlight, Item, Reason, Slot, Subscription};
use crate::suspects::suspects;
use crate::{Notice, Refused, Resource, Version};
use heddle_model::Name;
use heddle_model::text::printable;
use std::sync::Arc;

/// Bytes of a refusal that are searched for names: a bound on work, far above what Envoy writes.
const SEARCHED: usize = 16 * 1024;

impl<R: Resource> Subscription<R> {
    /// Returns whether a response of this type had `nonce`, or may have had.
    pub(crate) fn is_ours(&self, nonce: u64) -> bool {
        (1..=self.nonce).contains(&nonce)
    }

    /// Takes an answer. A nonce that is not waited for is stale and changes nothing.
    pub(crate) fn answer(&mut self, nonce: u64, error: Option<&str>, text_bytes: usize) -> Vec<Notice> {
        let Some(at) = self.flights.iter().position(|flight| flight.nonce == nonce) else {
            return Vec::new();
        };
        let mut answered: Vec<InFlight<R>> = self.flights.drain(..=at).collect();
        let Some(last) = answered.pop() else { return Vec::new() };
        // A client that answers a later response has taken in the ones before it.
        answered.into_iter().for_each(|flight| self.accept(flight));
        match error {
            None => {
                let notice = Notice::Acked { ty: self.ty, sequence: last.sequence, sent: last.at };
                self.accept(last);
                vec![notice]
            }
            Some(text) => self.refuse(last, text, text_bytes),
        }
    }

    pub(super) fn accept(&mut self, flight: InFlight<R>) {
        for item in flight.items {
            self.forget_gone(&item.name);
            // A name that was let go and asked for again while the response was under way.
            if let Some(new) = item.new
                && self.slots.get(&item.name).is_some_and(|slot| matches!(slot.state, ClientState::Nothing))
            {
                self.slots.change(&item.name, |slot| slot.state = ClientState::Has(new));
            }
        }
    }

    /// A removed resource of a wildcard needs no memory once the client has let go of it.
    fn forget_gone(&mut self, name: &Name) {
        let is_gone = |slot: &Slot<R>| !slot.subscribed && matches!(slot.state, ClientState::Gone);
        if self.slots.get(name).is_some_and(is_gone) {
            self.slots.remove(name);
        }
    }

    fn refuse(&mut self, flight: InFlight<R>, text: &str, text_bytes: usize) -> Vec<Notice> {
        let kept: Arc<str> = printable(text, text_bytes).into();
        if flight.is_about_repeated(text) {
            self.accept(flight);
            return vec![Notice::Nacked { ty: self.ty, text: kept.to_string(), suspects: Vec::new() }];
        }
        let (sent, removed): (Vec<_>, Vec<_>) = flight.items.into_iter().partition(|item| item.new.is_some());
        removed.iter().for_each(|item| self.forget_gone(&item.name));
        let named = match (self.ty.is_root(), sent.len()) {
            (_, 1) => sent.iter().map(|item| item.name.clone()).collect(),
            (true, _) => suspects(cut(text, SEARCHED), sent.iter().map(|item| &item.name)),
            (false, _) => Vec::new(),
        };
        let meant = |item: &Item<R>| named.is_empty() || named.contains(&item.name);
        let suspects: Vec<Item<R>> = sent.into_iter().filter(meant).collect();
        let versions =
            suspects.iter().filter_map(|item| Some((item.name.clone(), item.new.as_ref()?.version())));
        let suspects_named = versions.collect();
        let mut notices =
            vec![Notice::Nacked { ty: self.ty, text: kept.to_string(), suspects: suspects_named }];
        for item in suspects {
            if named.is_empty() {
                self.isolate(item);
            } else {
                notices.extend(self.quarantine(item, &kept));
            }
        }
        notices
    }

    /// The client may or may not have applied it: send it again, alone.
    fn isolate(&mut self, item: Item<R>) {
        if !self.is_latest(&item) {
            return;
        }
        if self.slots.change(&item.name, |slot| slot.state = ClientState::Unknown(None)).is_none() {
            return;
        }
        self.isolated.insert(item.name.clone(), item.old);
        self.mark(item.name, Reason::Compare);
    }

    /// The client refused it and holds what it held before.
    fn quarantine(&mut self, item: Item<R>, text: &Arc<str>) -> Option<Notice> {
        let version = item.new.as_ref()?.version();
        let name = item.name.clone();
        self.refused.insert(name.clone(), Refused { name: name.clone(), version, text: text.clone() });
        let latest = self.is_latest(&item);
        if !latest {
            if self.slots.get(&name).is_some() {
                self.rebase(&name, version, &item.old);
            }
        } else if self.slots.change(&name, |slot| slot.state = item.old).is_some() {
            self.mark(name.clone(), Reason::Compare);
        }
        Some(Notice::Quarantined { ty: self.ty, name, version, text: text.to_string() })
    }

    /// Returns whether nothing came after it under its name, be it the same again.
    fn is_latest(&self, item: &Item<R>) -> bool {
        let mut later = self.flights.iter().flat_map(|flight| &flight.items);
        later.all(|later| later.name != item.name)
            && item.new.as_ref().is_some_and(
                |new| matches!(self.state(&item.name), ClientState::Has(held) if held.version() == new.version()),
            )
    }

    /// A later response, still unanswered, was believed to replace what was now refused.
    fn rebase(&mut self, name: &Name, refused: Version, old: &ClientState<R>) {
        let items = self.flights.iter_mut().flat_map(|flight| &mut flight.items);
        let mut later = items.filter(|item| item.name == *name && item.old.is(refused));
        if let Some(item) = later.next() {
            item.old = old.clone();
        }
    }
}

impl<R> InFlight<R> {
    /// Returns whether a refusal speaks only of what the response repeated. Then it was refused the first time as well, and
    /// what is new was taken in: roots are accepted one by one.
    fn is_about_repeated(&self, text: &str) -> bool {
        let text = cut(text, SEARCHED);
        let named = |names: &mut dyn Iterator<Item = &Name>| !suspects(text, names).is_empty();
        named(&mut self.repeated.iter()) && !named(&mut self.items.iter().map(|item| &item.name))
    }
}

/// The first bytes of a text, whole characters only.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (bytes, want) in [(0, ""), (1, "a"), (2, "a"), (3, "aé"), (9, "aéb")] {
            assert_eq!(cut("aéb", bytes), want);
        }
    }
}
