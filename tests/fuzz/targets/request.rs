//! The fuzzer's way to the inputs of `request`.
#![no_main]

use std::cell::RefCell;

#[path = "../inputs/request.rs"]
mod inputs;

/// A site grows with what it is told; after so many requests there is a new one.
const REQUESTS_A_SITE: u32 = 20_000;

thread_local! {
    static SITE: RefCell<Option<(inputs::Site, u32)>> = const { RefCell::new(None) };
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| SITE.with_borrow_mut(|site| {
    if site.as_ref().is_some_and(|(_, requests)| *requests >= REQUESTS_A_SITE) {
        *site = None;
    }
    let (site, requests) = site.get_or_insert_with(|| (inputs::Site::start(), 0));
    *requests += 1;
    site.try_out(data);
}));
