//! A map for look-ups by identity.
//!
//! A B-tree of [`ResourceKey`]s compares four texts, each somewhere else in memory, at every step down; with 100,000 objects
//! that is most of what an observation costs. This one steps down over numbers and compares texts once. The numbers are a
//! fixed function of the key, so the order is the same on every host and in every run.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::borrow::Borrow;

use backstay_object::ResourceKey;

/// What can be looked up.
pub(crate) trait Hashed: Eq {
    /// A number that is equal for equal keys.
    fn hashed(&self) -> u64;
}

impl Hashed for str {
    fn hashed(&self) -> u64 {
        mix(0, self)
    }
}

impl Hashed for String {
    fn hashed(&self) -> u64 {
        self.as_str().hashed()
    }
}

impl Hashed for ResourceKey {
    fn hashed(&self) -> u64 {
        [&self.kind, &self.namespace, &self.name]
            .into_iter()
            .fold(mix(0, &self.group), |sum, part| mix(sum, part))
    }
}

/// Eight bytes a step; the length keeps parts apart. Keys that collide cost a comparison, nothing else.
fn mix(seed: u64, text: &str) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    text.as_bytes().chunks(8).fold((seed ^ text.len() as u64).wrapping_mul(FACTOR), |sum, chunk| {
        let word = chunk.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        let sum = (sum ^ word).wrapping_mul(FACTOR);
        sum ^ (sum >> 29)
    })
}

/// The map.
#[derive(Clone, Debug)]
pub(crate) struct Index<K, V> {
    buckets: BTreeMap<u64, Vec<(K, V)>>,
}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self { buckets: BTreeMap::new() }
    }
}

impl<K: Hashed, V> Index<K, V> {
    pub(crate) fn get_key_value<Q: Hashed + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let bucket = self.buckets.get(&key.hashed())?;
        bucket.iter().find(|(other, _)| other.borrow() == key).map(|(key, value)| (key, value))
    }

    pub(crate) fn get<Q: Hashed + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    pub(crate) fn get_mut<Q: Hashed + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let bucket = self.buckets.get_mut(&key.hashed())?;
        bucket.iter_mut().find(|(other, _)| (*other).borrow() == key).map(|(_, value)| value)
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get_key_value(key).is_some()
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        let bucket = self.buckets.entry(key.hashed()).or_default();
        match bucket.iter_mut().find(|(other, _)| *other == key) {
            Some((_, place)) => *place = value,
            None => bucket.push((key, value)),
        }
    }

    pub(crate) fn remove<Q: Hashed + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let hash = key.hashed();
        let bucket = self.buckets.get_mut(&hash)?;
        let position = bucket.iter().position(|(other, _)| other.borrow() == key)?;
        let (_, value) = bucket.swap_remove(position);
        if bucket.is_empty() {
            self.buckets.remove(&hash);
        }
        Some(value)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.buckets.values().flatten().map(|(key, _)| key)
    }
}

impl<K: Hashed, V: Default> Index<K, V> {
    /// The value of a key, made when there is none.
    pub(crate) fn of<Q: Hashed + ?Sized + alloc::borrow::ToOwned<Owned = K>>(&mut self, key: &Q) -> &mut V
    where
        K: Borrow<Q>,
    {
        let bucket = self.buckets.entry(key.hashed()).or_default();
        let position = bucket.iter().position(|(other, _)| other.borrow() == key).unwrap_or_else(|| {
            bucket.push((key.to_owned(), V::default()));
            bucket.len() - 1
        });
        #[allow(clippy::indexing_slicing, reason = "the position was found or made on the lines before")]
        &mut bucket[position].1
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    /// Keys that all have one number.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Same(u32);

    impl Hashed for Same {
        fn hashed(&self) -> u64 {
            7
        }
    }

    #[test]
    fn keys_that_collide_are_kept_apart() {
        let mut index = Index::default();
        for number in 0..4 {
            index.insert(Same(number), number);
        }
        index.insert(Same(2), 20);
        *index.of(&Same(9)) += 90;
        assert_eq!(index.remove(&Same(1)), Some(1));
        assert_eq!(index.remove(&Same(1)), None);
        let found = [0, 1, 2, 3, 9].map(|number| index.get(&Same(number)).copied());
        assert_eq!(found, [Some(0), None, Some(20), Some(3), Some(90)]);
        assert_eq!(index.keys().count(), 4);
    }

    #[test]
    fn names_spread() {
        let mut index = Index::default();
        for number in 0..20_000 {
            index.insert(format!("shop-{number}"), number);
        }
        assert_eq!(index.get("shop-777"), Some(&777));
        assert!(index.buckets.values().all(|bucket| bucket.len() < 3));
        assert_ne!(mix(mix(0, "a"), "bc"), mix(mix(0, "ab"), "c"));
        assert_eq!(index.get_key_value("shop-1").map(|(key, _)| key.to_string()), Some("shop-1".to_string()));
    }
}
