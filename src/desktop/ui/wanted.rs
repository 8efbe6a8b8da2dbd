//! What a control must be like to be the one that is meant.

use super::Scene;

/// Less alike, and it helps nobody to be told of it.
const ALIKE: f64 = 0.7;

/// All that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// One of [`super::ROLES`].
    pub role: Option<&'static str>,
    /// The whole name, blanks at its ends aside.
    pub name: Option<String>,
    /// The name that its programmers gave it.
    pub key: Option<String>,
    /// The whole of what it holds.
    pub value: Option<String>,
    /// Names or roles of what it lies in, from outside to inside, ending with itself. Levels may be left out.
    pub path: Vec<String>,
}

impl Wanted {
    fn fits(&self, scene: &Scene, at: usize) -> bool {
        let element = scene.get(at);
        self.role.is_none_or(|role| element.role == role)
            && self.name.as_ref().is_none_or(|name| element.name.trim() == name.trim())
            && self.key.as_ref().is_none_or(|key| element.key == *key)
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
    pub fn nearest(&self, scene: &Scene) -> String {
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

impl Scene {
    /// All that fit, shown or not. A button and the label in it may have one name: the control is meant.
    pub fn fitting(&self, wanted: &Wanted) -> Vec<usize> {
        let fitting: Vec<usize> = self.all().filter(|at| wanted.fits(self, *at)).collect();
        let is_outermost =
            |at: &usize| !self.chain(*at).any(|around| fitting.contains(&around) && !self.is_root(around));
        fitting.iter().copied().filter(is_outermost).collect()
    }
}
