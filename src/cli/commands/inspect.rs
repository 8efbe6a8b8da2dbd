//! `deskfleet inspect`: the windows and controls of this desktop, as targets that can be pasted into a document.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Stop},
        output::{self, OutputFlag},
    },
    desktop::{
        self, Desktop, Rect, Window,
        ui::{Element, Scene},
    },
};

/// Longer names are cut in the text for people: nobody pastes them.
const MAX_CHARS: usize = 80;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet inspect                              # every window and what can be acted on in it\n  \
    DISPLAY=:7 deskfleet inspect --window Clinic   # one application's window\n  \
    deskfleet inspect --all -o json                # everything that applications tell, hidden controls too"
)]
pub(crate) struct InspectArgs {
    /// Only windows with this in their title
    #[arg(long, value_name = "TITLE")]
    window: Option<String>,
    /// Controls that are not shown too: in closed menus, on other pages, scrolled away or covered
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    let mut desktop = desktop::open()?;
    let windows = desktop.windows()?;
    let fits = |window: &&Window| args.window.as_ref().is_none_or(|part| window.title.contains(part.as_str()));
    let chosen: Vec<&Window> = windows.iter().filter(fits).collect();
    if let (true, Some(part)) = (chosen.is_empty(), &args.window) {
        let titles: Vec<String> = windows.iter().map(|window| format!("\"{}\"", window.title)).collect();
        let message = format!("no window has \"{part}\" in its title; there are {}", titles.join(", "));
        return Err(Stop::new(Exit::NotFound, message).into());
    }
    let scene = scene(&mut *desktop, &windows, &chosen);
    if args.output.is_json() {
        let windows: Vec<Value> = chosen.iter().map(|window| as_json(window, &scene, args.all)).collect();
        output::json(&json!({ "windows": windows }))?;
        return Ok(Exit::Done);
    }
    let mut text = String::from("windows:\n");
    for window in chosen {
        describe(&mut text, window, &scene, args.all);
    }
    output::line(text.trim_end())?;
    Ok(Exit::Done)
}

/// The controls of these windows' applications. That there are none to be had is said, and is no error.
fn scene(desktop: &mut dyn Desktop, windows: &[Window], chosen: &[&Window]) -> Scene {
    let mut pids: Vec<u32> = chosen.iter().filter_map(|window| window.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    let elements = match desktop.elements(&pids) {
        Ok(elements) => elements,
        Err(error) => {
            output::remark(format!("without controls: {error}"));
            Vec::new()
        }
    };
    Scene::new(elements.into(), windows.to_vec())
}

/// Those of one window, in reading order.
fn controls(scene: &Scene, window: &Window, all: bool) -> Vec<usize> {
    let of_window = |at: &usize| scene.window_of(*at).is_some_and(|own| own.id == window.id);
    let is_wanted = |at: &usize| all || scene.shown(*at).is_some() && is_told(scene.get(*at));
    let mut controls: Vec<usize> =
        scene.all().filter(of_window).filter(|at| !scene.is_root(*at)).filter(is_wanted).collect();
    controls.sort_by_key(|at| scene.get(*at).rect.map(|rect| (rect.y, rect.x)));
    controls
}

/// Something by which it can be named, or a field.
fn is_told(element: &Element) -> bool {
    !element.name.trim().is_empty() || !element.key.is_empty() || element.states.editable
}

fn describe(text: &mut String, window: &Window, scene: &Scene, all: bool) {
    let Rect { x, y, width, height } = window.rect;
    let state = match (window.focused, window.minimised) {
        (true, _) => ", focused",
        (_, true) => ", minimised",
        _ => "",
    };
    let title = quoted(&window.title);
    let process =
        if window.process.is_empty() { String::new() } else { format!(", process: {}", quoted(&window.process)) };
    let _ = writeln!(text, "  - window: {{ title: {title}{process} }}  # {width}x{height} at {x},{y}{state}");
    let controls = controls(scene, window, all);
    if controls.is_empty() {
        return;
    }
    text.push_str("    controls:\n");
    for at in &controls {
        let element = scene.get(*at);
        let alike: Vec<&usize> =
            controls.iter().filter(|other| target(scene.get(**other)) == target(element)).collect();
        let index = match alike.iter().position(|other| *other == at) {
            Some(index) if alike.len() > 1 => format!(", index: {index}"),
            _ => String::new(),
        };
        let _ = writeln!(text, "      - {{ ui: {{ {} }}{index} }}{}", target(element), remark(element));
    }
}

/// As a document names it.
fn target(element: &Element) -> String {
    let mut parts = vec![format!("role: {}", element.role)];
    if !element.name.trim().is_empty() {
        parts.push(format!("name: {}", quoted(element.name.trim())));
    }
    if !element.key.is_empty() {
        parts.push(format!("id: {}", quoted(&element.key)));
    }
    parts.join(", ")
}

/// Where it is, what it holds and what it can't.
fn remark(element: &Element) -> String {
    let mut parts = Vec::new();
    if let Some(Rect { x, y, width, height }) = element.rect {
        parts.push(format!("{width}x{height} at {x},{y}"));
    }
    if let Some(value) = element.value.as_ref().filter(|value| !value.is_empty() && **value != element.name) {
        let value: String = value.chars().take(MAX_CHARS).collect();
        parts.push(format!("holds {}", quoted(&value)));
    }
    let states = element.states;
    let told = [(!states.enabled, "disabled"), (states.checked == Some(true), "checked"), (states.focused, "focused")];
    parts.extend(told.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word.to_owned()));
    if parts.is_empty() { String::new() } else { format!("  # {}", parts.join(", ")) }
}

/// A double-quoted scalar: JSON's is YAML's too.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn as_json(window: &Window, scene: &Scene, all: bool) -> Value {
    let controls: Vec<Value> = controls(scene, window, all).into_iter().map(|at| element_json(scene, at)).collect();
    json!({
        "title": window.title,
        "class": window.class,
        "process": window.process,
        "pid": window.pid,
        "x": window.rect.x,
        "y": window.rect.y,
        "width": window.rect.width,
        "height": window.rect.height,
        "focused": window.focused,
        "minimised": window.minimised,
        "controls": controls,
    })
}

fn element_json(scene: &Scene, at: usize) -> Value {
    let element = scene.get(at);
    let around = scene.chain(at).filter(|around| !scene.is_root(*around)).map(|around| scene.get(around));
    let mut path: Vec<&str> = around.map(|around| around.name.trim()).filter(|name| !name.is_empty()).collect();
    path.reverse();
    json!({
        "role": element.role,
        "name": element.name,
        "id": element.key,
        "value": element.value,
        "inside": path,
        "x": element.rect.map(|rect| rect.x),
        "y": element.rect.map(|rect| rect.y),
        "width": element.rect.map(|rect| rect.width),
        "height": element.rect.map(|rect| rect.height),
        "shown": scene.shown(at).is_some(),
        "enabled": element.states.enabled,
        "focused": element.states.focused,
        "editable": element.states.editable,
        "selected": element.states.selected,
        "checked": element.states.checked,
        "expanded": element.states.expanded,
    })
}
