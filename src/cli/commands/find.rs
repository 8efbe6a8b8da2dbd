//! `deskfleet find`: where an image is on a stored screen, by the agent's own finder.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        exit::Exit,
        files,
        output::{self, OutputFlag},
    },
    desktop::{
        Color, Frame, Rect,
        image::{DPI_SCALES, Finder, Hit, Search, SearchOptions, Template},
    },
};

/// A picture of a screen or of a part of one.
const MAX_PICTURE_BYTES: u64 = 64 * 1024 * 1024;

const FOUND: Color = Color::new(0, 166, 81);
const OTHER: Color = Color::new(255, 0, 200);
const THICKNESS: u32 = 3;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskfleet find images/save.png --in failure.webp\n  \
    deskfleet find images/save.png --in failure.webp --score 0.8 --marked places.png -o json\n\n\
    Exit code 0: found, and once; 1: not found, or more than once.")]
pub(crate) struct FindArgs {
    /// The image of a target: PNG, WebP or JPEG
    #[arg(value_name = "IMAGE|-")]
    image: String,
    /// The screen to look at: PNG, WebP or JPEG
    #[arg(long = "in", value_name = "SCREENSHOT|-")]
    screen: String,
    /// The lowest score of a place that counts
    #[arg(long, default_value_t = SearchOptions::default().score, value_parser = fraction)]
    score: f64,
    /// By how much the best place must beat the next
    #[arg(long, default_value_t = SearchOptions::default().margin, value_parser = fraction)]
    margin: f64,
    /// Look only here
    #[arg(long, value_name = "X,Y,WIDTH,HEIGHT", value_parser = region)]
    region: Option<Rect>,
    /// Of several places this one, from 0 in reading order
    #[arg(long)]
    index: Option<usize>,
    /// Try the sizes of other display scales too
    #[arg(long)]
    scale: bool,
    /// Save the screen with the places marked: the one found in green, the others in magenta; .png or .webp
    #[arg(long, value_name = "FILE")]
    marked: Option<PathBuf>,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) fn run(args: &FindArgs) -> anyhow::Result<Exit> {
    let template =
        Template::decode(&files::read(&args.image, MAX_PICTURE_BYTES)?).with_context(|| args.image.clone())?;
    let screen = Frame::decode(&files::read(&args.screen, MAX_PICTURE_BYTES)?).with_context(|| args.screen.clone())?;
    let options = SearchOptions {
        score: args.score,
        margin: args.margin,
        region: args.region,
        index: args.index,
        scales: if args.scale { DPI_SCALES.to_vec() } else { Vec::new() },
        ..SearchOptions::default()
    };
    let search = Finder::new().find(&screen, &template, &options);
    let found = search.one(&options);
    let places = candidates(&search);
    if let Some(file) = &args.marked {
        save_marked(screen, &places, found.as_ref().ok(), file)?;
    }
    if args.output.is_json() {
        output::json(&json!({
            "found": found.as_ref().ok().map(place_json),
            "candidates": places.iter().map(place_json).collect::<Vec<_>>(),
            "elapsed_ms": elapsed_ms(&search),
        }))?;
    } else {
        let row = |hit: &Hit| {
            let mark = if found.as_ref() == Ok(hit) { "found" } else { "" };
            let Rect { x, y, width, height } = hit.rect;
            [
                format!("{x},{y}"),
                format!("{width}x{height}"),
                format!("{:.3}", hit.score),
                hit.how.to_string(),
                mark.into(),
            ]
        };
        output::table(["place", "size", "score", "how", ""], places.iter().map(row))?;
        output::remark(match &found {
            Ok(_) => format!("found in {} ms", elapsed_ms(&search)),
            Err(miss) => format!("{miss} ({} ms)", elapsed_ms(&search)),
        });
    }
    Ok(if found.is_ok() { Exit::Done } else { Exit::Unsuccessful })
}

/// All that are good enough; where none is, the best.
fn candidates(search: &Search) -> Vec<Hit> {
    if search.hits.is_empty() { search.best.into_iter().collect() } else { search.hits.clone() }
}

fn place_json(hit: &Hit) -> Value {
    let Rect { x, y, width, height } = hit.rect;
    json!({ "x": x, "y": y, "width": width, "height": height, "score": rounded(hit.score), "how": hit.how.as_str() })
}

/// Of the search alone.
fn elapsed_ms(search: &Search) -> f64 {
    rounded(search.elapsed.as_secs_f64() * 1_000.0)
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

fn save_marked(mut screen: Frame, places: &[Hit], found: Option<&Hit>, file: &PathBuf) -> anyhow::Result<()> {
    for place in places.iter().filter(|place| Some(*place) != found) {
        screen.mark(place.rect, OTHER, THICKNESS);
    }
    if let Some(place) = found {
        screen.mark(place.rect, FOUND, THICKNESS);
    }
    let is_webp = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("webp"));
    let bytes = if is_webp { screen.to_webp()? } else { screen.to_png()? };
    std::fs::write(file, bytes).with_context(|| format!("{} can't be written", file.display()))
}

fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "a number from 0 to 1 is needed".to_owned())
}

fn region(text: &str) -> Result<Rect, String> {
    let shape = || "four whole numbers are needed: X,Y,WIDTH,HEIGHT".to_owned();
    let [x, y, width, height] = text.split(',').collect::<Vec<_>>()[..] else { return Err(shape()) };
    let sides = [width, height].map(|text| text.trim().parse::<u32>().ok().filter(|side| *side > 0));
    let corner = [x, y].map(|text| text.trim().parse::<i32>().ok());
    let ([Some(x), Some(y)], [Some(width), Some(height)]) = (corner, sides) else { return Err(shape()) };
    Ok(Rect::new(x, y, width, height))
}
