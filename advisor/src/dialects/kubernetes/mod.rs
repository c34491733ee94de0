//! Kubernetes objects.

pub mod read;
pub mod write;
