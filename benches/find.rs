//! How long finding a picture takes on a full screen, stage by stage. Raw numbers: median and worst of the rounds, in milliseconds.
//!
//! `cargo bench --bench find`. The screen is made up (windows, text-like ink, noise in a photo), so that no file is needed.

#![expect(clippy::expect_used, reason = "a benchmark says what it expects")]
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

#[path = "support/dice.rs"]
mod dice;

use std::time::Duration;

use deskfleet::desktop::{
    Color, Frame, PixelOrder, Rect, Stopwatch,
    image::{Finder, Search, SearchOptions, Template},
};
use dice::Dice;

const ROUNDS: usize = 15;

fn place(dice: &mut Dice, limit: u32) -> i32 {
    dice.below(limit).cast_signed()
}

fn color(dice: &mut Dice) -> Color {
    let mut channel = || dice.below(256).to_le_bytes()[0];
    Color::new(channel(), channel(), channel())
}

/// A desktop of 1920x1080 with windows full of something like text, and a photo.
fn screen() -> Frame {
    let mut dice = Dice::new(42);
    let mut frame = Frame::filled(1920, 1080, Color::new(40, 70, 110));
    for _ in 0..14 {
        let window = Rect::new(
            place(&mut dice, 1700) - 50,
            place(&mut dice, 900) - 30,
            200 + dice.below(700),
            120 + dice.below(500),
        );
        let paper = Color::new(235, 235, 230);
        frame.fill(window, paper);
        frame.fill(Rect { height: 24, ..window }, color(&mut dice));
        let mut y = window.y + 34;
        while y < window.bottom() - 16 {
            let mut x = window.x + 8;
            while x < window.right() - 12 {
                let (width, height) = (1 + dice.below(3), 3 + dice.below(8));
                if dice.below(5) > 0 {
                    frame.fill(Rect::new(x, y, width, height), Color::new(30, 30, 30));
                }
                x += 4 + place(&mut dice, 4);
            }
            y += 18;
        }
    }
    for y in 0..160 {
        for x in 0..240 {
            frame.fill(Rect::new(1500 + x, 700 + y, 1, 1), color(&mut dice));
        }
    }
    let bytes = frame.bytes().chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0], 255]).collect();
    Frame::new(1920, 1080, PixelOrder::Bgra, bytes).expect("the size fits")
}

fn report(name: &str, times: &mut [Duration], search: &Search) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let (median, worst) = (ms(times[times.len() / 2]), ms(times[times.len() - 1]));
    let how = search.best.map_or("-", |best| best.how.as_str());
    let score = search.best.map_or(0.0, |best| best.score);
    let hits = search.hits.len();
    println!("{name:<44} {median:>9.3} {worst:>9.3}  hits {hits:>2}  best {score:.3}  {how}");
}

/// Every round with a fresh finder, so that nothing is remembered.
fn cold(name: &str, frame: &Frame, template: &Template, options: &SearchOptions) {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..ROUNDS {
        let mut finder = Finder::new();
        let search = finder.find(frame, template, options);
        times.push(search.elapsed);
        last = Some(search);
    }
    report(name, &mut times, &last.expect("there were rounds"));
}

fn warm(frame: &Frame, template: &Template, options: &SearchOptions) {
    let mut finder = Finder::new();
    let mut other = frame.clone();
    other.fill(Rect::new(0, 0, 4, 4), Color::new(1, 2, 3));
    finder.find(frame, template, options);
    let mut times = Vec::new();
    let mut last = finder.find(frame, template, options);
    for _ in 0..ROUNDS {
        last = finder.find(frame, template, options);
        times.push(last.elapsed);
    }
    report("  again, same frame", &mut times, &last);
    times.clear();
    for round in 0..ROUNDS {
        last = finder.find(if round % 2 == 0 { &other } else { frame }, template, options);
        times.push(last.elapsed);
    }
    report("  again, another frame", &mut times, &last);
}

fn main() {
    let frame = screen();
    let jpeg = Frame::decode(&frame.to_jpeg(60).expect("it encodes")).expect("it decodes");
    let dark = frame.bytes().iter().map(|byte| byte / 2 + 30).collect();
    let dark = Frame::new(1920, 1080, frame.order(), dark).expect("the size fits");
    let elsewhere = Frame::filled(1920, 1080, Color::new(0, 0, 0));
    let probe = SearchOptions { unique: false, ..SearchOptions::default() };
    let unique = SearchOptions::default();

    println!("{:<44} {:>9} {:>9}", "1920x1080, milliseconds", "median", "worst");
    let watch = Stopwatch::start();
    let png = frame.to_png().expect("it encodes");
    println!("{:<44} {:>9.3}  {} bytes", "encode as PNG", watch.elapsed().as_secs_f64() * 1000.0, png.len());
    let watch = Stopwatch::start();
    let webp = frame.to_webp().expect("it encodes");
    println!("{:<44} {:>9.3}  {} bytes", "encode as WebP", watch.elapsed().as_secs_f64() * 1000.0, webp.len());

    for (width, height) in [(16, 16), (64, 24), (120, 40), (400, 300)] {
        // A corner of the photo with some of its surroundings: nothing else looks like it.
        let part = Rect::new(1490, 690, width, height);
        let template = Template::from_frame(&frame.crop(part).expect("inside")).expect("not transparent");
        for (mode, options) in [("any", &probe), ("one", &unique)] {
            let name = |case: &str| format!("{width}x{height} {case}, {mode}");
            cold(&name("equal"), &frame, &template, options);
            warm(&frame, &template, options);
            cold(&name("JPEG quality 60"), &jpeg, &template, options);
            cold(&name("half the contrast"), &dark, &template, options);
        }
        let mut absent = frame.crop(part).expect("inside");
        let mut dice = Dice::new(7);
        for _ in 0..width * height {
            let at = Rect::new(place(&mut dice, width), place(&mut dice, height), 1, 1);
            absent.fill(at, color(&mut dice));
        }
        let absent = Template::from_frame(&absent).expect("not transparent");
        cold(&format!("{width}x{height} absent"), &frame, &absent, &probe);
        cold(&format!("{width}x{height} absent, empty screen"), &elsewhere, &absent, &probe);
    }
}
