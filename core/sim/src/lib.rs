//! A model cluster in virtual time: API store, controllers, kubelet, faults.

pub mod api;
mod cluster;
mod controllers;
mod events;
mod faults;
pub mod images;
mod index;
mod json;
mod node;
mod ordered;
pub mod store;
mod webhook;
mod world;

pub use cluster::{Cluster, LoadError};
pub use faults::{Fault, FaultCode, FaultError};
