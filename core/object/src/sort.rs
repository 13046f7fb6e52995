//! A sort whose code is there once.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// Sorts stably. The standard library's sort is compiled anew for every type and comparison, about five kilobytes of a
/// module each; here only places are sorted.
pub fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let order = places(items.len(), &|one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    });
    let mut taken: Vec<Option<T>> = core::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|place| taken.get_mut(place).and_then(Option::take)));
}

#[inline(never)]
fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|one, other| compare(*one, *other));
    order
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::sort_by;

    #[test]
    fn equals_stay_in_order() {
        let mut items: Vec<(u32, u32)> = (0..200).map(|number| (number * 7919 % 13, number)).collect();
        let mut known = items.clone();
        known.sort_by_key(|item| item.0);
        sort_by(&mut items, |one, other| one.0.cmp(&other.0));
        assert_eq!(items, known);
    }
}
