//! Where messages go: `slack=URL` or `webhook=URL`. An address may hold a token, so it is never shown in full.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// A text from the command line or the environment that may be secret: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(hidden)")
    }
}

impl FromStr for Hidden {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// What a receiver understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A Slack incoming webhook: Block Kit.
    Slack,
    /// Any other: CloudEvents 1.0 in structured JSON, signed if there is a secret.
    Webhook,
}

/// For which ends a receiver wants a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occasions {
    /// The release is as it was asked to be.
    pub(crate) success: bool,
    /// It is not.
    pub(crate) failure: bool,
}

impl fmt::Display for Occasions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.success, self.failure) {
            (true, true) => "success and failure",
            (true, false) => "success",
            (false, true) => "failure",
            (false, false) => "nothing",
        })
    }
}

impl Default for Occasions {
    fn default() -> Self {
        Self { success: true, failure: true }
    }
}

/// A receiver of messages.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) format: Format,
    pub(crate) occasions: Occasions,
    pub(crate) address: Uri,
    /// Signs what goes to a webhook.
    pub(crate) secret: Option<Vec<u8>>,
}

/// A target that cannot be used. Never holds the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// Neither `slack=` nor `webhook=`.
    #[error(
        "a notification is given as slack=URL or webhook=URL; this one begins with neither (not shown: it may hold a token)"
    )]
    Format,
    /// No URL.
    #[error("the address of a {0} notification is not an http or https URL (not shown: it may hold a token)")]
    Address(&'static str),
}

impl Format {
    /// Its name on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Webhook => "webhook",
        }
    }
}

impl Target {
    /// A receiver by format and address.
    ///
    /// # Errors
    /// When the address is not an http or https URL.
    pub(crate) fn new(format: Format, address: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError::Address(format.as_str());
        let address: Uri = address.trim().parse().map_err(|_| wrong())?;
        let is_web = matches!(address.scheme_str(), Some("http" | "https"));
        if !is_web || address.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        Ok(Self { format, occasions: Occasions::default(), address, secret: None })
    }

    /// Whether it wants to know of this end.
    pub(crate) const fn wants(&self, success: bool) -> bool {
        if success { self.occasions.success } else { self.occasions.failure }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match text.trim().split_once('=') {
            Some(("slack", address)) => Self::new(Format::Slack, address),
            Some(("webhook", address)) => Self::new(Format::Webhook, address),
            _ => Err(TargetError::Format),
        }
    }
}

/// Shows scheme, host and port; what is behind them and before them may be a token.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.address.host().unwrap_or_default();
        write!(
            formatter,
            "{} {}://{host}",
            self.format.as_str(),
            self.address.scheme_str().unwrap_or("http")
        )?;
        if let Some(port) = self.address.port() {
            write!(formatter, ":{port}")?;
        }
        formatter.write_str("/…")
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_what_may_be_secret() {
        for (text, shown) in [
            (
                "slack=https://hooks.slack.example/services/T0/B0/token",
                Ok("slack https://hooks.slack.example/…"),
            ),
            ("webhook=http://user:pass@127.0.0.1:8080/x?key=token", Ok("webhook http://127.0.0.1:8080/…")),
            (" webhook=https://ci.example ", Ok("webhook https://ci.example/…")),
            ("mail=https://token.example", Err(TargetError::Format)),
            ("https://token.example", Err(TargetError::Format)),
            ("slack=ftp://token.example/x", Err(TargetError::Address("slack"))),
            ("webhook=token", Err(TargetError::Address("webhook"))),
            ("webhook=", Err(TargetError::Address("webhook"))),
        ] {
            let target = text.parse::<Target>();
            match (&target, shown) {
                (Ok(target), Ok(shown)) => {
                    assert_eq!(target.to_string(), shown);
                    assert_eq!(format!("{target:?}"), shown);
                }
                (Err(error), Err(expected)) => {
                    assert_eq!(*error, expected, "{text}");
                    assert!(!error.to_string().contains("token.example"));
                }
                _ => panic!("{text}: {target:?}"),
            }
        }
        assert_eq!(format!("{:?}", Hidden("token".into())), "(hidden)");
    }
}
