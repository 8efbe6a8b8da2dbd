//! The executable: hands over to the command line.

fn main() {}
