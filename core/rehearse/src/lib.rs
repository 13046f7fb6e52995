//! The pure host: drives a rollout against the model cluster in virtual time.
