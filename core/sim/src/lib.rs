//! A model cluster in virtual time: API store, controllers, kubelet, faults.

pub mod api;
pub mod store;
