//! Release names.

/// The longest release name Helm takes, in bytes (`pkg/chart/v2/util/validate_name.go` v4.3).
pub const MAX_NAME: usize = 53;

/// Helm does not take this release name. The texts are Helm's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is none.
    #[error("no name provided")]
    Missing,
    /// It is too long or holds a character it must not.
    #[error(
        "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
    )]
    Invalid,
}

/// Checks a release name as Helm does.
///
/// # Errors
/// When Helm would refuse the name.
pub fn validate_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Missing);
    }
    if name.len() <= MAX_NAME && name.split('.').all(is_label) {
        return Ok(());
    }
    Err(NameError::Invalid)
}

fn is_label(part: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    part.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
        && part.bytes().next().is_some_and(alphanumeric)
        && part.bytes().next_back().is_some_and(alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(53);
        let too_long = "a".repeat(54);
        for (name, want) in [
            ("shop", Ok(())),
            ("shop-1.eu", Ok(())),
            ("1", Ok(())),
            (longest.as_str(), Ok(())),
            ("", Err(NameError::Missing)),
            (too_long.as_str(), Err(NameError::Invalid)),
            ("Shop", Err(NameError::Invalid)),
            ("-shop", Err(NameError::Invalid)),
            ("shop-", Err(NameError::Invalid)),
            ("shop..eu", Err(NameError::Invalid)),
            ("shop.-eu", Err(NameError::Invalid)),
            ("shop_eu", Err(NameError::Invalid)),
            ("shöp", Err(NameError::Invalid)),
            ("shop\n", Err(NameError::Invalid)),
        ] {
            assert_eq!(validate_name(name), want, "{name:?}");
        }
    }
}
