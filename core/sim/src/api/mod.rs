//! The API server of the model cluster, as a plain function over the store.

mod objects;

pub use objects::create_object;
