//! x must not
mod openapi;
mod private_file;
pub mod problem;
mod request;
pub mod server;
pub mod tls;
