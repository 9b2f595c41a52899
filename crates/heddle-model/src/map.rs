//! A persistent ordered map: a clone shares everything, a change copies one path.
//!
//! The Snapshot is published after every change while readers still hold older ones, so publishing must
//! not copy the mesh. This is an AVL tree of shared nodes: `clone` is one reference count, `insert` and
//! `remove` copy the O(log n) nodes between the root and the change, and only those that a reader still
//! shares.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// An ordered map whose clones share structure.
pub struct Map<K, V> {
    root: Link<K, V>,
    len: usize,
}

type Link<K, V> = Option<Arc<Node<K, V>>>;

#[derive(Clone)]
struct Node<K, V> {
    key: K,
    value: V,
    height: u8,
    left: Link<K, V>,
    right: Link<K, V>,
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    /// A map of nothing.
    pub const fn new() -> Self {
        Self { root: None, len: 0 }
    }

    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of `key`.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut link = &self.root;
        while let Some(node) = link {
            link = match key.cmp(node.key.borrow()) {
                Ordering::Equal => return Some(&node.value),
                Ordering::Less => &node.left,
                Ordering::Greater => &node.right,
            };
        }
        None
    }

    /// Returns whether `key` has a value.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Sets the value of `key`. Returns the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let old = insert(&mut self.root, key, value);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes `key` out. Returns the value it had; a map without the key is left shared as it was.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if !self.contains_key(key) {
            return None;
        }
        self.len -= 1;
        remove(&mut self.root, key)
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter { stack: Vec::new() };
        iter.descend(&self.root);
        iter
    }

    /// The entries whose key is not below `from`, in order.
    pub fn range_from<Q: Ord + ?Sized>(&self, from: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let mut stack = Vec::new();
        let mut link = self.root.as_deref();
        while let Some(node) = link {
            if node.key.borrow() < from {
                link = node.right.as_deref();
            } else {
                stack.push(node);
                link = node.left.as_deref();
            }
        }
        Iter { stack }
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Returns whether both are the same version of one map, told without looking at a key.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

fn height<K, V>(link: &Link<K, V>) -> u8 {
    link.as_ref().map_or(0, |node| node.height)
}

fn insert<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>, key: K, value: V) -> Option<V> {
    let Some(shared) = link else {
        *link = Some(Arc::new(Node { key, value, height: 1, left: None, right: None }));
        return None;
    };
    let node = Arc::make_mut(shared);
    let old = match key.cmp(&node.key) {
        Ordering::Equal => return Some(std::mem::replace(&mut node.value, value)),
        Ordering::Less => insert(&mut node.left, key, value),
        Ordering::Greater => insert(&mut node.right, key, value),
    };
    balance(link);
    old
}

fn remove<K: Ord + Clone + Borrow<Q>, V: Clone, Q: Ord + ?Sized>(
    link: &mut Link<K, V>,
    key: &Q,
) -> Option<V> {
    let node = Arc::make_mut(link.as_mut()?);
    let old = match key.cmp(node.key.borrow()) {
        Ordering::Less => remove(&mut node.left, key),
        Ordering::Greater => remove(&mut node.right, key),
        Ordering::Equal => {
            let old = node.value.clone();
            match (node.left.take(), node.right.take()) {
                (None, other) | (other, None) => *link = other,
                (left, mut right) => {
                    let (key, value) = take_first(&mut right)?;
                    (node.key, node.value, node.left, node.right) = (key, value, left, right);
                }
            }
            Some(old)
        }
    };
    balance(link);
    old
}

/// Takes the lowest entry out of a subtree.
fn take_first<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>) -> Option<(K, V)> {
    let node = Arc::make_mut(link.as_mut()?);
    let first = match take_first(&mut node.left) {
        Some(first) => first,
        None => {
            let first = (node.key.clone(), node.value.clone());
            *link = node.right.take();
            first
        }
    };
    balance(link);
    Some(first)
}

/// Restores the invariant of one node: its sides differ in height by at most one.
fn balance<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>) {
    let Some(shared) = link else { return };
    let (left, right) = (height(&shared.left), height(&shared.right));
    let node = Arc::make_mut(shared);
    if left > right + 1 {
        if node.left.as_ref().is_some_and(|side| height(&side.left) < height(&side.right)) {
            rotate_left(&mut node.left);
        }
        rotate_right(link);
    } else if right > left + 1 {
        if node.right.as_ref().is_some_and(|side| height(&side.right) < height(&side.left)) {
            rotate_right(&mut node.right);
        }
        rotate_left(link);
    } else {
        measure(node);
    }
}

fn measure<K, V>(node: &mut Node<K, V>) {
    node.height = 1 + height(&node.left).max(height(&node.right));
}

fn rotate_right<K: Clone, V: Clone>(link: &mut Link<K, V>) {
    let Some(mut old) = link.take() else { return };
    let top = Arc::make_mut(&mut old);
    let Some(mut new) = top.left.take() else {
        *link = Some(old);
        return;
    };
    let pivot = Arc::make_mut(&mut new);
    top.left = pivot.right.take();
    measure(top);
    pivot.right = Some(old);
    measure(pivot);
    *link = Some(new);
}

fn rotate_left<K: Clone, V: Clone>(link: &mut Link<K, V>) {
    let Some(mut old) = link.take() else { return };
    let top = Arc::make_mut(&mut old);
    let Some(mut new) = top.right.take() else {
        *link = Some(old);
        return;
    };
    let pivot = Arc::make_mut(&mut new);
    top.right = pivot.left.take();
    measure(top);
    pivot.left = Some(old);
    measure(pivot);
    *link = Some(new);
}

/// The entries of a [`Map`] in the order of their keys.
pub struct Iter<'a, K, V> {
    stack: Vec<&'a Node<K, V>>,
}

impl<'a, K, V> Iter<'a, K, V> {
    fn descend(&mut self, mut link: &'a Link<K, V>) {
        while let Some(node) = link {
            self.stack.push(node);
            link = &node.left;
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.stack.pop()?;
        self.descend(&node.right);
        Some((&node.key, &node.value))
    }
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len }
    }
}

impl<K: Ord + Clone, V: Clone> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.same(other) || (self.len == other.len && self.iter().eq(other.iter()))
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for Map<K, V> {}

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<'a, K: Ord + Clone, V: Clone> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Small, repeatable and good enough to visit every rotation.
    fn keys(count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54)
    }

    fn check_shape(link: &Link<u64, u64>) -> u8 {
        let Some(node) = link else { return 0 };
        let (left, right) = (check_shape(&node.left), check_shape(&node.right));
        assert!(left.abs_diff(right) <= 1, "unbalanced at {}", node.key);
        assert_eq!(node.height, 1 + left.max(right));
        node.height
    }

    #[test]
    fn any_history_agrees_with_an_ordinary_ordered_map() {
        let (mut map, mut model) = (Map::new(), BTreeMap::new());
        for (step, key) in keys(6000).enumerate() {
            let value = step as u64;
            if step % 3 == 2 {
                assert_eq!(map.remove(&key), model.remove(&key));
            } else {
                assert_eq!(map.insert(key, value), model.insert(key, value));
            }
            assert_eq!(map.len(), model.len());
        }
        check_shape(&map.root);
        assert!(map.iter().eq(model.iter()));
        assert!(map.range_from(&500).eq(model.range(500..)));
        for key in model.keys().copied().collect::<Vec<_>>() {
            assert_eq!(map.remove(&key), model.remove(&key));
            check_shape(&map.root);
        }
        assert!(map.is_empty());
    }

    #[test]
    fn a_clone_is_not_changed_by_what_comes_after() {
        let mut map: Map<u64, u64> = keys(500).map(|key| (key, key)).collect();
        let before = map.clone();
        let copy: Vec<_> = before.iter().map(|(k, v)| (*k, *v)).collect();
        for key in keys(500) {
            map.remove(&key);
        }
        assert!(map.is_empty());
        assert!(before.iter().map(|(k, v)| (*k, *v)).eq(copy));
    }

    #[test]
    fn a_change_copies_one_path_only() {
        let mut map: Map<u64, u64> = (0..4096).map(|key| (key, key)).collect();
        let before = map.clone();
        map.insert(77, 0);
        let shared = |map: &Map<u64, u64>| {
            let mut all = Vec::new();
            let mut stack = vec![&map.root];
            while let Some(link) = stack.pop() {
                let Some(node) = link else { continue };
                all.push(Arc::as_ptr(node));
                stack.extend([&node.left, &node.right]);
            }
            all.sort();
            all
        };
        let old = shared(&before);
        let copied = shared(&map).into_iter().filter(|node| old.binary_search(node).is_err()).count();
        assert!((1..=14).contains(&copied), "copied {copied} of 4096 nodes");
    }
}
