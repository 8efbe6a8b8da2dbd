//! The cascade against an oracle that computes every score the slow way.

#![expect(clippy::cast_precision_loss, reason = "a few hundred pixels")]

use proptest::prelude::*;

use super::{
    Finder, Hit, How, Miss, Search, SearchOptions, Template,
    peaks::are_neighbours,
    plane::{Channel, Plane},
};
use crate::desktop::{Color, Frame, PixelOrder, Point, Rect};

mod small;

/// A small generator, so that a failing case is its seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(below)).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.next(256)).unwrap()
    }

    fn color(&mut self) -> Color {
        Color::new(self.byte(), self.byte(), self.byte())
    }
}

/// Something like a desktop: flat background, rectangles, stripes as text has them, some noise.
fn desktop(dice: &mut Dice, width: u32, height: u32) -> Frame {
    let mut frame = Frame::filled(width, height, dice.color());
    for _ in 0..12 {
        let at = Rect::new(
            i32::try_from(dice.next(width)).unwrap() - 8,
            i32::try_from(dice.next(height)).unwrap() - 8,
            4 + dice.next(width / 2),
            4 + dice.next(height / 3),
        );
        let color = dice.color();
        frame.fill(at, color);
        if dice.next(2) == 0 {
            let ink = dice.color();
            for x in 0..at.width / 2 {
                let tall = dice.next(at.height.min(9)) + 1;
                frame.fill(Rect::new(at.x + i32::try_from(2 * x).unwrap(), at.y + 2, 1, tall), ink);
            }
        }
    }
    if dice.next(3) == 0 {
        let pixels: Vec<u8> = frame.bytes().iter().map(|byte| byte.saturating_add(dice.byte() / 32)).collect();
        frame = Frame::new(width, height, PixelOrder::Bgra, pixels).unwrap();
    }
    frame
}

fn template(frame: &Frame) -> Template {
    Template::from_frame(frame).unwrap()
}

/// Every place with its score, by the definition and with nothing clever.
fn all_scores(frame: &Frame, wanted: &Frame) -> Vec<((usize, usize), f64)> {
    let (screen, part) = (Plane::of_frame(frame, Channel::Gray), Plane::of_frame(wanted, Channel::Gray));
    let mut scores = Vec::new();
    for y in 0..(screen.height + 1).saturating_sub(part.height) {
        for x in 0..(screen.width + 1).saturating_sub(part.width) {
            let there = |n: usize| f64::from(screen.row(y + n / part.width)[x + n % part.width]);
            scores.push(((x, y), correlation(part.values.len(), |n| f64::from(part.values[n]), there)));
        }
    }
    scores
}

fn correlation(count: usize, here: impl Fn(usize) -> f64, there: impl Fn(usize) -> f64) -> f64 {
    let here_mean = (0..count).map(&here).sum::<f64>() / count as f64;
    let there_mean = (0..count).map(&there).sum::<f64>() / count as f64;
    let (mut product, mut here_norm, mut there_norm) = (0.0, 0.0, 0.0);
    for n in 0..count {
        let (here, there) = (here(n) - here_mean, there(n) - there_mean);
        product += here * there;
        here_norm += here * here;
        there_norm += there * there;
    }
    if here_norm * there_norm < 1e-6 { 0.0 } else { product / (here_norm * there_norm).sqrt() }
}

/// The best of each neighbourhood with at least the score, best first.
fn oracle(scores: &[((usize, usize), f64)], wanted: &Frame, score: f64) -> Vec<((usize, usize), f64)> {
    let mut scores = scores.to_vec();
    scores.retain(|(_, value)| *value >= score - 1e-9);
    scores.sort_by(|a, b| b.1.total_cmp(&a.1));
    let size = (wanted.width() as usize, wanted.height() as usize);
    let mut peaks: Vec<((usize, usize), f64)> = Vec::new();
    for (at, value) in scores {
        if !peaks.iter().any(|(other, _)| are_neighbours(*other, at, size)) {
            peaks.push((at, value));
        }
    }
    peaks
}

fn place(hit: &Hit) -> (usize, usize) {
    (hit.rect.x.unsigned_abs() as usize, hit.rect.y.unsigned_abs() as usize)
}

fn probe() -> SearchOptions {
    SearchOptions { unique: false, ..SearchOptions::default() }
}

fn find(frame: &Frame, wanted: &Template, options: &SearchOptions) -> Search {
    Finder::new().find(frame, wanted, options)
}

/// What both must agree on: whether there is a place, which scores the places have, and which is best.
fn agree_with_oracle(frame: &Frame, wanted: &Frame) -> Result<(), TestCaseError> {
    let wanted_template = template(wanted);
    if wanted_template.channel() != Some(Channel::Gray) {
        return Ok(());
    }
    let options = SearchOptions::default();
    let scores = all_scores(frame, wanted);
    let truth = oracle(&scores, wanted, options.score);
    let best = scores.iter().map(|(_, score)| *score).fold(-1.0, f64::max);
    let true_score = |hit: &Hit| scores.iter().find(|(at, _)| *at == place(hit)).map(|(_, score)| *score);
    for options in [options, probe()] {
        let search = find(frame, &wanted_template, &options);
        prop_assert_eq!(search.hits.is_empty(), truth.is_empty(), "{:?} against {:?}", search, truth);
        for hit in search.hits.iter().chain(&search.best) {
            let truth = true_score(hit).unwrap_or(-2.0);
            prop_assert!((truth - hit.score).abs() < 1e-6, "{:?} is {}", hit, truth);
        }
        let all = options.unique && search.hits.iter().all(|hit| hit.how == How::Fft);
        if all && truth.len() < super::MAX_HITS {
            prop_assert!(search.best.is_some_and(|hit| (hit.score - best).abs() < 1e-6) || best < 0.05, "{}", best);
            let size = (wanted.width() as usize, wanted.height() as usize);
            for (at, _) in &truth {
                prop_assert!(search.hits.iter().any(|hit| are_neighbours(place(hit), *at, size)), "{:?}", at);
            }
            // Of equal scores either may stand for its neighbourhood; without them nothing is left to chance.
            let mut values: Vec<f64> = scores.iter().map(|(_, score)| *score).filter(|score| *score > 0.89).collect();
            values.sort_by(f64::total_cmp);
            if values.windows(2).all(|pair| pair[1] - pair[0] > 1e-9) {
                let places: Vec<_> = search.hits.iter().map(place).collect();
                prop_assert_eq!(places, truth.iter().map(|(at, _)| *at).collect::<Vec<_>>());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_part_of_the_screen_is_found_where_it_is(seed: u64, x in 0..60i32, y in 0..40i32, width in 1..36u32, height in 1..24u32) {
        let frame = desktop(&mut Dice(seed), 96, 64);
        let wanted = frame.crop(Rect::new(x, y, width, height)).unwrap();
        agree_with_oracle(&frame, &wanted)?;
        let search = find(&frame, &template(&wanted), &SearchOptions::default());
        prop_assert!(search.best.is_some_and(|best| (best.score - 1.0).abs() < 1e-9), "{:?}", search);
    }

    #[test]
    fn a_part_of_another_screen_is_judged_as_the_oracle_does(seed: u64, width in 3..30u32, height in 3..20u32) {
        let mut dice = Dice(seed);
        let frame = desktop(&mut dice, 96, 64);
        let wanted = desktop(&mut dice, 96, 64).crop(Rect::new(10, 10, width, height)).unwrap();
        agree_with_oracle(&frame, &wanted)?;
    }

    #[test]
    fn what_jpeg_and_brightness_did_to_it_is_judged_as_the_oracle_does(seed: u64, quality in 20..90u8, width in 8..36u32, height in 8..24u32) {
        let frame = desktop(&mut Dice(seed), 96, 64);
        let wanted = frame.crop(Rect::new(20, 15, width, height)).unwrap();
        let degraded = Frame::decode(&frame.to_jpeg(quality).unwrap()).unwrap();
        agree_with_oracle(&degraded, &wanted)?;
        let dimmed = frame.bytes().iter().map(|byte| byte / 2 + 40).collect();
        agree_with_oracle(&Frame::new(96, 64, frame.order(), dimmed).unwrap(), &wanted)?;
    }

    #[test]
    fn pixels_that_do_not_matter_do_not_matter(seed: u64, holes in 1..60u32) {
        let mut dice = Dice(seed);
        let frame = desktop(&mut dice, 96, 64);
        let part = Rect::new(30, 20, 24, 16);
        let mut png = image::RgbaImage::new(24, 16);
        let wanted = frame.crop(part).unwrap();
        for (x, y, pixel) in png.enumerate_pixels_mut() {
            let color = wanted.pixel(Point::new(x.cast_signed(), y.cast_signed())).unwrap();
            *pixel = image::Rgba([color.red, color.green, color.blue, 255]);
        }
        let mut screen = frame;
        for _ in 0..holes {
            let (x, y) = (dice.next(24), dice.next(16));
            png.put_pixel(x, y, image::Rgba([1, 2, 3, 0]));
            screen.fill(Rect::new(part.x + x.cast_signed(), part.y + y.cast_signed(), 1, 1), dice.color());
        }
        let mut bytes = std::io::Cursor::new(Vec::new());
        png.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let wanted = Template::decode(bytes.get_ref()).unwrap();
        // Exactly, and by the last stage alone: an index makes it look at every place.
        for options in [SearchOptions::default(), probe(), SearchOptions { index: Some(0), ..probe() }] {
            let search = find(&screen, &wanted, &options);
            prop_assert!(search.best.is_some_and(|best| (best.score - 1.0).abs() < 1e-9), "{:?}", search);
            let there = search.hits.iter().any(|hit| are_neighbours(place(hit), (30, 20), (24, 16)));
            prop_assert!(there || wanted.is_flat() || search.hits.len() > 1, "{:?}", search);
        }
    }
}

/// The last stage alone, which an index asks for, against the definition: every place with the score, and the best one in any case.
fn last_stage_agrees(frame: &Frame, wanted: &Frame, score: f64) {
    let picture = template(wanted);
    if picture.channel() != Some(Channel::Gray) {
        return;
    }
    let options = SearchOptions { index: Some(0), score, ..SearchOptions::default() };
    let search = find(frame, &picture, &options);
    let scores = all_scores(frame, wanted);
    let best = scores.iter().map(|(_, score)| *score).fold(-1.0, f64::max);
    let found = search.best.unwrap();
    assert!(found.how == How::Fft && ((found.score - best).abs() < 1e-9 || best < 1e-6), "{search:?} against {best}");
    let score_at = |at: (usize, usize)| scores.iter().find(|(there, _)| *there == at).unwrap().1;
    let size = (wanted.width() as usize, wanted.height() as usize);
    let truth = oracle(&scores, wanted, score);
    assert_eq!(search.hits.is_empty(), truth.is_empty(), "{search:?} against {truth:?}");
    for hit in &search.hits {
        assert!((hit.score - score_at(place(hit))).abs() < 1e-9, "{hit:?}");
    }
    if search.hits.len() < super::MAX_HITS {
        for (at, _) in scores.iter().filter(|(_, value)| *value >= score + 1e-9) {
            assert!(search.hits.iter().any(|hit| are_neighbours(place(hit), *at, size)), "{at:?} in {search:?}");
        }
    }
}

#[test]
fn the_last_stage_names_every_place_that_the_definition_names() {
    let mut dice = Dice(5);
    for round in 0..40_u32 {
        let (width, height) = (1 + dice.next(70), 1 + dice.next(50));
        let mut frame = desktop(&mut dice, width.max(8), height.max(8));
        let (width, height) = (frame.width(), frame.height());
        // A part that is flat, and a rival that differs by little.
        frame.fill(Rect::new(0, 0, width / 3, height / 2), Color::new(90, 90, 90));
        let size = match round % 5 {
            0 => (width, height),
            1 => (1, 1),
            2 => (width, 1 + dice.next(height)),
            _ => (1 + dice.next(width), 1 + dice.next(height)),
        };
        let corner =
            |dice: &mut Dice, all: u32, part: u32| [0, all - part, dice.next(all - part + 1)][round as usize % 3];
        let (x, y) = (corner(&mut dice, width, size.0), corner(&mut dice, height, size.1));
        let part = Rect::new(x.cast_signed(), y.cast_signed(), size.0, size.1);
        let wanted = frame.crop(part).unwrap();
        frame.fill(Rect::new(part.x, part.y, 1, 1), dice.color());
        for score in [0.3, 0.9, 0.999] {
            last_stage_agrees(&frame, &wanted, score);
        }
    }
}

#[test]
fn several_tiles_are_looked_at_as_one_picture_is() {
    let mut dice = Dice(23);
    for (width, height) in [(430, 60), (60, 430), (300, 200), (500, 120)] {
        let mut frame = desktop(&mut dice, width, height);
        let wanted = desktop(&mut dice, 24, 16).crop(Rect::new(3, 2, 12, 7)).unwrap();
        // Near ties along the edges, and across them where tiles meet.
        for n in 0..12 {
            let (x, y) = (dice.next(width - 12).cast_signed(), dice.next(height - 7).cast_signed());
            let (x, y) = [(x, y), (x, 0), (0, y), (width.cast_signed() - 12, y)][n % 4];
            for (row, column) in (0..7).flat_map(|row| (0..12).map(move |column| (row, column))) {
                let mut color = wanted.pixel(Point::new(column, row)).unwrap();
                color.green = color.green.saturating_add(u8::try_from(dice.next(3)).unwrap());
                frame.fill(Rect::new(x + column, y + row, 1, 1), color);
            }
        }
        last_stage_agrees(&frame, &wanted, 0.9);
        last_stage_agrees(&Frame::filled(width, height, Color::new(9, 9, 9)), &wanted, 0.9);
    }
}

fn screen() -> Frame {
    desktop(&mut Dice(7), 320, 200)
}

#[test]
fn a_template_is_found_in_every_corner_and_at_every_edge() {
    let frame = screen();
    for (x, y) in [(0, 0), (290, 0), (0, 184), (290, 184), (150, 0), (0, 90), (290, 90), (150, 184)] {
        let mut marked = frame.clone();
        let rect = Rect::new(x, y, 30, 16);
        for n in 0..40 {
            marked.fill(Rect::new(x + n * 7 % 30, y + n * 5 % 16, 1, 1), Color::new(200, 40, u8::try_from(n).unwrap()));
        }
        let wanted = template(&marked.crop(rect).unwrap());
        for options in [SearchOptions::default(), probe(), SearchOptions { index: Some(0), ..probe() }] {
            assert_eq!(find(&marked, &wanted, &options).best.unwrap().rect, rect);
        }
    }
}

#[test]
fn each_stage_finds_what_it_is_for() {
    let frame = screen();
    let rect = Rect::new(120, 60, 64, 24);
    let mut marked = frame.clone();
    let mut dice = Dice(3);
    for _ in 0..25 {
        let (x, y) = (rect.x + dice.next(58).cast_signed(), rect.y + dice.next(20).cast_signed());
        marked.fill(Rect::new(x, y, 5, 4), dice.color());
    }
    let wanted = template(&marked.crop(rect).unwrap());
    let mut finder = Finder::new();
    let mut how = |frame: &Frame, options: &SearchOptions| {
        let hit = finder.find(frame, &wanted, options).one(options).unwrap();
        assert_eq!(hit.rect, rect);
        hit.how
    };
    assert_eq!(how(&marked, &probe()), How::Exact);
    assert_eq!(how(&marked, &probe()), How::Unchanged);
    let mut moved_clock = marked.clone();
    moved_clock.fill(Rect::new(0, 0, 5, 5), Color::new(1, 2, 3));
    assert_eq!(how(&moved_clock, &probe()), How::LastPlace);
    assert_eq!(how(&moved_clock, &SearchOptions::default()), How::Exact, "one is meant: all are looked for");
    let region = SearchOptions { region: Some(Rect::new(100, 50, 100, 60)), ..SearchOptions::default() };
    assert_eq!(how(&moved_clock, &region), How::Exact);
    moved_clock.fill(Rect::new(0, 0, 5, 5), Color::new(9, 9, 9));
    assert_eq!(how(&moved_clock, &region), How::Unchanged, "only the region counts");

    let mut pointer_over = marked.clone();
    pointer_over.fill(Rect::new(150, 70, 4, 5), Color::new(255, 255, 255));
    let fresh = |frame: &Frame, options: &SearchOptions| {
        let hit = find(frame, &wanted, options).one(options).unwrap();
        assert_eq!(hit.rect, rect);
        assert!(hit.score < 1.0);
        hit.how
    };
    assert_eq!(fresh(&pointer_over, &probe()), How::Quarter);
    assert_eq!(fresh(&pointer_over, &SearchOptions::default()), How::Quarter);
    let second = SearchOptions { index: Some(0), ..SearchOptions::default() };
    assert_eq!(fresh(&pointer_over, &second), How::Fft, "the number among several is only known where all are");
    let told = SearchOptions { last_place: Some(Point::new(120, 60)), ..probe() };
    assert_eq!(fresh(&pointer_over, &told), How::LastPlace);
    let dark = marked.bytes().iter().map(|byte| byte / 3 + 5).collect();
    let dark = Frame::new(320, 200, marked.order(), dark).unwrap();
    assert_eq!(fresh(&dark, &probe()), How::Quarter);

    // Too small for half its size to say anything.
    let mut tiny = Frame::filled(320, 200, Color::new(250, 250, 250));
    for at in 0..20 {
        tiny.fill(Rect::new(200 + at % 5, 90 + at / 5, 1, 1), dice.color());
    }
    let wanted = template(&tiny.crop(Rect::new(200, 90, 5, 4)).unwrap());
    let brighter = tiny.bytes().iter().map(|byte| byte.saturating_add(3)).collect();
    let brighter = Frame::new(320, 200, tiny.order(), brighter).unwrap();
    let hit = find(&brighter, &wanted, &probe()).one(&probe()).unwrap();
    assert_eq!((hit.rect, hit.how), (Rect::new(200, 90, 5, 4), How::Anchors));
}

#[test]
fn a_place_found_twice_is_told_with_both_places() {
    let mut frame = Frame::filled(300, 100, Color::new(240, 240, 240));
    let button = |frame: &mut Frame, x: i32, light: u8| {
        frame.fill(Rect::new(x, 30, 60, 20), Color::new(light, light, 210));
        frame.fill(Rect::new(x + 10, 36, 30, 8), Color::new(20, 20, 20));
        frame.fill(Rect::new(x + 15, 38, 20, 2), Color::new(light, light, 210));
    };
    button(&mut frame, 20, 200);
    let wanted = template(&frame.crop(Rect::new(18, 28, 64, 24)).unwrap());
    let options = SearchOptions::default();
    let mut twice = frame.clone();
    button(&mut twice, 180, 200);
    let search = find(&twice, &wanted, &options);
    let Err(Miss::Ambiguous { places }) = search.one(&options) else { panic!("{search:?}") };
    assert_eq!(places.iter().map(|hit| hit.rect.x).collect::<Vec<_>>(), [18, 178]);
    let said = Miss::Ambiguous { places }.to_string();
    assert!(said.contains("[18, 28, 64, 24]") && said.contains("[178, 28, 64, 24]"), "{said}");

    // The pointer hovers over one of two: the other is equal byte by byte, but it need not be the one that was meant.
    let mut hovered = frame.clone();
    button(&mut hovered, 180, 206);
    let search = find(&hovered, &wanted, &options);
    assert!(matches!(search.one(&options), Err(Miss::Ambiguous { .. })), "{search:?}");

    for (index, x) in [(0, 18), (1, 178)] {
        let options = SearchOptions { index: Some(index), ..SearchOptions::default() };
        assert_eq!(find(&hovered, &wanted, &options).one(&options).unwrap().rect.x, x);
    }
    let third = SearchOptions { index: Some(2), ..SearchOptions::default() };
    assert_eq!(find(&hovered, &wanted, &third).one(&third), Err(Miss::NoSuchIndex { index: 2, found: 2 }));
    assert!(find(&twice, &wanted, &probe()).one(&probe()).is_ok(), "a probe is content with one");
}

#[test]
fn what_is_not_there_is_said_with_the_best_place() {
    let frame = screen();
    let wanted = template(&desktop(&mut Dice(99), 64, 48).crop(Rect::new(5, 5, 40, 30)).unwrap());
    let options = SearchOptions::default();
    let Err(Miss::NotFound { best: Some(best), .. }) = find(&frame, &wanted, &options).one(&options) else { panic!() };
    assert!(best.score < 0.9 && frame.rect().contains(best.rect.center()));
}

#[test]
fn sizes_at_the_limits() {
    let frame = screen();
    let larger = template(&desktop(&mut Dice(1), 321, 20));
    let search = find(&frame, &larger, &SearchOptions::default());
    assert_eq!((search.hits.len(), search.best), (0, None));
    let said = search.one(&SearchOptions::default()).unwrap_err().to_string();
    assert!(said.contains("larger than the place"), "{said}");

    let whole = template(&frame);
    assert_eq!(find(&frame, &whole, &SearchOptions::default()).hits[0].rect, frame.rect());

    let outside = SearchOptions { region: Some(Rect::new(400, 0, 50, 50)), ..SearchOptions::default() };
    assert_eq!(find(&frame, &whole, &outside).best, None);

    let part = template(&frame.crop(Rect::new(0, 0, 20, 20)).unwrap());
    let partly = SearchOptions { region: Some(Rect::new(-10, -10, 40, 40)), ..SearchOptions::default() };
    assert_eq!(find(&frame, &part, &partly).hits[0].rect, Rect::new(0, 0, 20, 20));
    let too_far = SearchOptions { region: Some(Rect::new(1, 0, 40, 40)), score: 0.999, ..SearchOptions::default() };
    assert!(find(&frame, &part, &too_far).hits.iter().all(|hit| hit.rect.x >= 1));
}

#[test]
fn one_pixel_and_one_colour_are_found_by_their_colour() {
    let mut frame = Frame::filled(200, 100, Color::new(120, 120, 120));
    frame.fill(Rect::new(50, 40, 1, 1), Color::new(200, 0, 0));
    let dot = template(&frame.crop(Rect::new(50, 40, 1, 1)).unwrap());
    assert!(dot.is_flat());
    let options = SearchOptions::default();
    let hit = find(&frame, &dot, &options).one(&options).unwrap();
    assert_eq!((hit.rect, hit.score, hit.how), (Rect::new(50, 40, 1, 1), 1.0, How::Flat));

    // About as bright, but green: the same gray is not the same colour.
    let green = template(&Frame::filled(1, 1, Color::new(0, 103, 0)));
    assert!(find(&frame, &green, &options).hits.is_empty());

    let gray = template(&Frame::filled(20, 20, Color::new(120, 120, 120)));
    assert!(matches!(find(&frame, &gray, &options).one(&options), Err(Miss::Ambiguous { .. })));
    let black = template(&Frame::filled(20, 20, Color::default()));
    let search = find(&frame, &black, &options);
    assert!(search.hits.is_empty() && search.best.is_some());
}

#[test]
fn equal_gray_in_different_colours_is_compared_by_the_colour_that_varies() {
    let (red, green) = (Color::new(150, 0, 0), Color::new(0, 77, 0));
    assert_eq!(red.gray(), green.gray());
    let mut frame = Frame::filled(120, 80, red);
    frame.fill(Rect::new(40, 30, 10, 5), green);
    let wanted = template(&frame.crop(Rect::new(35, 25, 20, 15)).unwrap());
    assert!(!wanted.is_flat());
    for options in [SearchOptions::default(), SearchOptions { index: Some(0), ..probe() }] {
        assert_eq!(find(&frame, &wanted, &options).one(&options).unwrap().rect, Rect::new(35, 25, 20, 15));
    }
}

#[test]
fn another_size_is_found_only_when_asked_for() {
    let mut dice = Dice(11);
    let frame = desktop(&mut dice, 320, 200);
    let mut small = Frame::filled(60, 30, Color::new(230, 230, 230));
    for n in 0..9 {
        small.fill(Rect::new(4 + 6 * n, 6 + n % 3 * 4, 4, 10), Color::new(20, 60, 30 * u8::try_from(n).unwrap()));
    }
    let wanted = template(&small);
    let larger = wanted.scaled(1.5).unwrap();
    let mut shown = frame;
    for y in 0..45_i32 {
        for x in 0..90_i32 {
            shown.fill(Rect::new(100 + x, 80 + y, 1, 1), larger.color(Point::new(x, y)));
        }
    }
    let options = SearchOptions::default();
    assert!(find(&shown, &wanted, &options).hits.is_empty());
    let scaled = SearchOptions { scales: vec![0.75, 1.5, 1e9], ..options };
    assert_eq!(find(&shown, &wanted, &scaled).one(&scaled).unwrap().rect, Rect::new(100, 80, 90, 45));
}

#[test]
fn finder_and_template_travel_between_threads() {
    fn travels<T: Send>(_: &T) {}
    travels(&Finder::new());
    travels(&std::sync::Arc::new(template(&screen())));
}

#[test]
fn what_is_no_template_says_why() {
    assert!(Template::decode(b"not a picture").unwrap_err().to_string().starts_with("not a picture"));
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbaImage::new(4, 4).write_to(&mut png, image::ImageFormat::Png).unwrap();
    assert!(Template::decode(png.get_ref()).unwrap_err().to_string().contains("transparent"));
}
