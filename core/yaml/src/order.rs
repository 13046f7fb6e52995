//! The order of keys in what yaml.v2 and yaml.v3 write: letters after everything else, runs of digits as numbers.

use crate::write::Dialect;

/// Whether key `a` is written before key `b` (yaml.v2 `sorter.go`; yaml.v3 differs after a digit).
///
/// This is not a total order for odd keys (`a1`, `a01`, …); do not give it to `slice::sort_by`.
#[must_use]
pub fn natural_less(a: &str, b: &str, dialect: Dialect) -> bool {
    let same = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    // Back to the start of a character that only shares its first bytes.
    let same = (0..=same).rev().find(|i| a.is_char_boundary(*i) && b.is_char_boundary(*i)).unwrap_or(0);
    let (before, rest_a) = a.split_at(same);
    let rest_b = b.get(same..).unwrap_or_default();
    let (Some(x), Some(y)) = (rest_a.chars().next(), rest_b.chars().next()) else {
        return rest_a.is_empty() && !rest_b.is_empty();
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => x < y,
        (false, false) => numbers_less(before, rest_a, rest_b),
        (x_letter, y_letter) => {
            let after_digit = before.chars().next_back().is_some_and(|c| c.is_ascii_digit());
            if dialect == Dialect::Pretty && after_digit { x_letter } else { y_letter }
        }
    }
}

/// Both texts begin with something that is no letter, and differ there.
fn numbers_less(before: &str, a: &str, b: &str) -> bool {
    let mut start = 0_i64;
    if a.starts_with('0') || b.starts_with('0') {
        let digits = before.bytes().rev().take_while(u8::is_ascii_digit);
        start = i64::from(digits.into_iter().any(|d| d != b'0'));
    }
    let run = |text: &str| {
        text.bytes().take_while(u8::is_ascii_digit).fold((start, 0_usize), |(value, count), d| {
            (value.wrapping_mul(10).wrapping_add(i64::from(d - b'0')), count + 1)
        })
    };
    let ((value_a, count_a), (value_b, count_b)) = (run(a), run(b));
    if value_a != value_b {
        return value_a < value_b;
    }
    if count_a != count_b {
        return count_a < count_b;
    }
    a.chars().next() < b.chars().next()
}

/// Sorts by `less` without relying on it being a total order: never panics, always terminates.
pub(crate) fn sort_by_less<T>(items: &mut Vec<T>, less: &impl Fn(&T, &T) -> bool) {
    if items.len() <= 12 {
        for i in 1..items.len() {
            let mut j = i;
            while j > 0 && matches!((items.get(j), items.get(j - 1)), (Some(a), Some(b)) if less(a, b)) {
                items.swap(j, j - 1);
                j -= 1;
            }
        }
        return;
    }
    let mut right = items.split_off(items.len() / 2);
    sort_by_less(items, less);
    sort_by_less(&mut right, less);
    let mut merged = Vec::with_capacity(items.len() + right.len());
    let mut left = core::mem::take(items).into_iter().peekable();
    let mut right = right.into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if less(b, a) { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    *items = merged;
}
