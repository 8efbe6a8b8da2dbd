//! The fuzzer's way to the inputs of `wire`.
#![no_main]

#[path = "../inputs/wire.rs"]
mod inputs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| inputs::try_out(data));
