//! The fuzzer's way to the inputs of `document`.
#![no_main]

#[path = "../inputs/document.rs"]
mod inputs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| inputs::try_out(data));
