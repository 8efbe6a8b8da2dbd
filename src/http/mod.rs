mod private_file;
pub mod tls;
