//! What fuzzing has kept, tried again on every run, each input also with some of its bytes changed by chance (always the same).
//! `make fuzz` goes on from here, guided by coverage.

#![expect(clippy::expect_used, reason = "tests say what they expect")]

#[path = "fuzz/inputs/document.rs"]
mod document;
#[path = "fuzz/inputs/request.rs"]
mod request;
#[path = "fuzz/inputs/template.rs"]
mod template;
#[path = "fuzz/inputs/wire.rs"]
mod wire;

use std::{fs, path::Path};

/// `SplitMix64`, with a seed of its own for each input.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (end.max(1) as u64)).unwrap_or(0)
    }
}

fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus")).join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).expect("it can be read")).collect()
}

/// A piece cut out, doubled, overwritten, or taken from another input.
fn changed(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut input = input.to_vec();
    for _ in 0..=dice.below(3) {
        let from = dice.below(input.len());
        let to = from + dice.below((input.len() - from).min(16));
        match dice.below(5) {
            0 => drop(input.drain(from..to)),
            1 => {
                let piece = input[from..to].to_vec();
                input.splice(to..to, piece);
            }
            2 => {
                let start = dice.below(other.len());
                let end = start + dice.below((other.len() - start).min(32));
                input.splice(from..to, other[start..end].iter().copied());
            }
            3 => input.truncate(from.max(1)),
            _ => {
                const ODD: &[u8] = b"\0\n\r\"'{}[]:,-&*#%|>!~0919eE.\\/\xff\xc3";
                if let Some(byte) = input.get_mut(from) {
                    *byte = ODD[dice.below(ODD.len())];
                }
            }
        }
    }
    input
}

fn play(target: &str, changes: usize, mut try_out: impl FnMut(&[u8])) {
    let inputs = kept(target);
    for (index, input) in inputs.iter().enumerate() {
        try_out(input);
        let mut dice = Dice(index as u64);
        for _ in 0..changes {
            let other = &inputs[dice.below(inputs.len())];
            try_out(&changed(input, other, &mut dice));
        }
    }
}

#[test]
fn documents_never_panic_and_travel_unchanged() {
    play("document", 300, document::try_out);
}

#[test]
fn templates_never_panic_and_stay_within_their_limits() {
    play("template", 300, template::try_out);
}

#[test]
fn requests_are_never_answered_as_a_failure_of_the_controller() {
    let mut site = request::Site::start();
    play("request", 100, |input| site.try_out(input));
}

#[test]
fn what_is_read_off_the_wire_is_written_as_the_same() {
    play("wire", 2_000, wire::try_out);
}
