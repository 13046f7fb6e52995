//! A model cluster in virtual time: API store, controllers, kubelet, faults.

pub mod api;
pub mod store;
mod events;
mod faults;
mod images;
mod index;
mod node;
mod world;
