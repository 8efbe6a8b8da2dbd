//! The fuzzer's way to the inputs of `template`.
#![no_main]

#[path = "../inputs/template.rs"]
mod inputs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| inputs::try_out(data));
