//! Kubernetes objects.

pub mod write;
