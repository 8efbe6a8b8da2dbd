//! What the controller keeps: the rows of the fleet in one redb file, and blobs beside it.

pub mod blobs;
