//! Writing objects as the API server does: defaults, validation, admission, then the store.

use std::sync::Arc;

use backstay_object::Timestamp;
use serde_json::Value;

use crate::store::{ApiError, Store};

/// Creates an object the way a controller's request would.
///
/// # Errors
/// What the API server answers when it refuses.
pub fn create_object(store: &mut Store, object: Value, now: Timestamp) -> Result<Arc<Value>, ApiError> {
    store.create(object, now)
}
