//! x must not
mod openapi;
pub mod problem;
mod private_file;
mod request;
pub mod server;
pub mod tls;
