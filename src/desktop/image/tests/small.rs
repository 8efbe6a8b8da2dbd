//! When the word of a small picture counts, and when the last stage is asked.

use super::*;

#[test]
fn large_pictures_are_found_at_small_sizes_and_what_looks_alike_is_told() {
    let mut frame = Frame::filled(1200, 800, Color::new(230, 230, 230));
    let mut dice = Dice(11);
    for _ in 0..400 {
        let (x, y) = (dice.next(1180).cast_signed(), dice.next(780).cast_signed());
        frame.fill(Rect::new(x, y, 4 + dice.next(40), 2 + dice.next(14)), dice.color());
    }
    let rect = Rect::new(300, 200, 200, 150);
    let wanted = template(&frame.crop(rect).unwrap());
    let jpeg = Frame::decode(&frame.to_jpeg(60).unwrap()).unwrap();
    let sizes = [(probe(), How::Sixteenth), (SearchOptions::default(), How::Quarter)];
    for (options, how) in sizes {
        let hit = find(&jpeg, &wanted, &options).one(&options).unwrap();
        assert_eq!((hit.rect, hit.how), (rect, how));
    }
    // The same again at an odd offset, a little different: neither may be named alone.
    for dy in 0..150 {
        for dx in 0..200 {
            let color = frame.pixel(Point::new(300 + dx, 200 + dy)).unwrap();
            frame.fill(
                Rect::new(777 + dx, 505 + dy, 1, 1),
                Color::new(color.red.saturating_add(9), color.green, color.blue),
            );
        }
    }
    let twice = Frame::decode(&frame.to_jpeg(60).unwrap()).unwrap();
    let search = find(&twice, &wanted, &SearchOptions::default());
    assert!(
        matches!(search.one(&SearchOptions::default()), Err(Miss::Ambiguous { places }) if places.len() == 2),
        "{search:?}"
    );
}

#[test]
fn what_a_small_size_shows_only_at_some_offsets_is_left_to_the_last_stage() {
    // A fine texture: two places that lie otherwise to the grid of a quarter are alike in full size alone.
    let mut frame = Frame::filled(700, 300, Color::new(128, 128, 128));
    let mut dice = Dice(5);
    for at in 0..64 * 24 {
        let light = u8::try_from(90 + dice.next(76)).unwrap();
        for (x, y) in [(100, 100), (402, 130), (303, 203)] {
            frame.fill(Rect::new(x + at % 64, y + at / 64, 1, 1), Color::new(light, light, light));
        }
    }
    let wanted = template(&frame.crop(Rect::new(100, 100, 64, 24)).unwrap());
    let brighter = frame.bytes().iter().map(|byte| byte.saturating_add(9)).collect();
    let brighter = Frame::new(700, 300, frame.order(), brighter).unwrap();
    let search = find(&brighter, &wanted, &SearchOptions::default());
    assert!(
        matches!(search.one(&SearchOptions::default()), Err(Miss::Ambiguous { places }) if places.len() == 3),
        "{search:?}"
    );
}

#[test]
fn where_a_picture_fits_all_along_a_stripe_the_last_stage_decides() {
    let mut frame = Frame::filled(900, 300, Color::new(230, 230, 230));
    frame.fill(Rect::new(100, 60, 700, 20), Color::new(20, 60, 160));
    frame.fill(Rect::new(100, 80, 700, 4), Color::new(90, 20, 20));
    frame.fill(Rect::new(100, 95, 700, 9), Color::new(40, 40, 40));
    let wanted = template(&frame.crop(Rect::new(310, 50, 120, 60)).unwrap());
    let jpeg = Frame::decode(&frame.to_jpeg(60).unwrap()).unwrap();
    let search = find(&jpeg, &wanted, &SearchOptions::default());
    assert_eq!(search.best.map(|best| best.how), Some(How::Fft), "{search:?}");
    assert!(matches!(search.one(&SearchOptions::default()), Err(Miss::Ambiguous { .. })), "{search:?}");
}
