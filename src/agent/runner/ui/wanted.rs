//! What a control must be like to be the one that is meant.

use crate::{
    desktop::ui::Scene,
    workflow::{PATH_SEPARATOR, Scope, Template, TemplateError, UiTarget},
};

/// Less alike, and it helps nobody to be told of it.
const ALIKE: f64 = 0.7;

/// A target with its templates' values.
pub(super) struct Wanted {
    role: Option<&'static str>,
    name: Option<String>,
    id: Option<String>,
    value: Option<String>,
    path: Vec<String>,
}

impl Wanted {
    pub(super) fn new(sought: &UiTarget, scope: &Scope) -> Result<Self, TemplateError> {
        let text = |template: &Option<Template>| template.as_ref().map(|template| template.text(scope)).transpose();
        let path = text(&sought.path)?.unwrap_or_default();
        Ok(Self {
            role: sought.role.map(crate::workflow::Role::as_str),
            name: text(&sought.name)?.map(|name| name.trim().to_owned()),
            id: text(&sought.id)?,
            value: text(&sought.value)?,
            path: names(&path),
        })
    }

    pub(super) fn fits(&self, scene: &Scene, at: usize) -> bool {
        let element = scene.get(at);
        self.role.is_none_or(|role| element.role == role)
            && self.name.as_ref().is_none_or(|name| element.name.trim() == name)
            && self.id.as_ref().is_none_or(|id| element.key == *id)
            && self.value.as_ref().is_none_or(|value| element.value.as_ref() == Some(value))
            && self.ends_path(scene, at)
    }

    /// The last of the path is the control itself; the others are around it in this order, with anything in between.
    fn ends_path(&self, scene: &Scene, at: usize) -> bool {
        let Some((last, around)) = self.path.split_last() else { return true };
        let is = |at: usize, name: &str| {
            let element = scene.get(at);
            element.name.trim() == name || element.role == name
        };
        let mut left = around.iter().rev().peekable();
        for up in scene.chain(at) {
            if left.peek().is_some_and(|name| is(up, name)) {
                left.next();
            }
        }
        is(at, last) && left.peek().is_none()
    }

    /// What is told in the place of the one that is not there.
    pub(super) fn nearest(&self, scene: &Scene) -> String {
        let count = scene.all().count();
        if count == 0 {
            return "no application tells of its controls: those that are to must be started inside the session's \
                accessibility bus"
                .to_owned();
        }
        let Some(name) = &self.name else { return format!("none of {count} controls fits") };
        let likeness = |at: &usize| strsim::normalized_damerau_levenshtein(name, scene.get(*at).name.trim());
        let best = scene.all().map(|at| (likeness(&at), at)).max_by(|one, other| one.0.total_cmp(&other.0));
        match best.filter(|(likeness, _)| *likeness >= ALIKE) {
            Some((_, at)) => format!("none of {count} controls fits, the nearest is {}", scene.get(at).in_words()),
            None => format!("none of {count} controls fits"),
        }
    }
}

/// The names of a path, from outside to inside.
pub(in crate::agent::runner) fn names(path: &str) -> Vec<String> {
    path.split(PATH_SEPARATOR).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}
