//! Whether a text went into a field for passwords. **Pure.**

use std::time::Duration;

use super::{control::usable, moment::View};
use crate::desktop::ui::{Element, Scene};

/// What is typed and must not be written down.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Secret {
    /// What its field is called.
    pub(super) field: Option<String>,
}

/// `begun` and `ended` are of the text. Where it went is certain where applications were asked, and had told, while it was being typed;
/// else it is taken for a secret where a field for passwords has been seen. `views` are the last ones, newest first.
pub(super) fn typed<'v>(views: impl Iterator<Item = &'v View>, begun: Duration, ended: Duration) -> Option<Secret> {
    let views: Vec<&View> = views.collect();
    let is_during = |view: &&&View| view.asked >= begun && view.told <= ended;
    let is_certain = views.iter().any(|view| is_during(&view));
    let into_one = views.iter().filter(is_during).find(|view| any(&view.scene, |field| field.states.focused));
    let beside_one = || views.iter().find(|view| !is_certain && any(&view.scene, |field| field.rect.is_some()));
    let view = into_one.or_else(beside_one)?;
    let mut elements = view.scene.all().map(|at| view.scene.get(at));
    let focused = elements.find(|element| element.states.focused && element.states.editable);
    Some(Secret { field: focused.and_then(|field| usable(&field.name)) })
}

/// Whether one of the fields for passwords is so.
fn any(scene: &Scene, is_so: impl Fn(&Element) -> bool) -> bool {
    scene.all().map(|at| scene.get(at)).any(|element| element.states.password && is_so(element))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::{
        Color, Frame, Rect,
        ui::{ElementId, States},
    };

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn field(name: &str, password: bool, focused: bool) -> Element {
        Element {
            id: ElementId { owner: String::new(), object: name.into() },
            parent: None,
            role: "textbox",
            name: name.into(),
            key: String::new(),
            value: None,
            rect: Some(Rect::new(0, 0, 100, 20)),
            pid: 1,
            states: States { enabled: true, editable: true, focused, password, ..States::default() },
        }
    }

    /// A sign-in window, asked for and told at these times.
    fn view((asked, told): (u64, u64), in_password: bool) -> View {
        let fields = vec![field("User", false, !in_password), field("Password", true, in_password)];
        let frame = Frame::filled(4, 4, Color::default());
        View { asked: MS(asked), told: MS(told), frame, scene: Scene::new(fields.into(), Vec::new()) }
    }

    /// Of a text that was typed from 1 s to 2 s.
    fn told(views: &[View]) -> Option<Secret> {
        typed(views.iter(), MS(1_000), MS(2_000))
    }

    #[test]
    fn a_text_is_secret_where_it_went_into_a_field_for_passwords() {
        assert_eq!(told(&[view((1_100, 1_200), true)]), Some(Secret { field: Some("Password".into()) }));
        assert!(told(&[view((1_500, 1_600), true), view((1_100, 1_200), false)]).is_some());
        assert_eq!(told(&[view((1_100, 1_200), false)]), None, "certainly not");
    }

    #[test]
    fn where_it_is_not_certain_it_is_taken_for_one() {
        assert!(told(&[view((900, 1_100), false)]).is_some(), "asked for before it began");
        assert!(told(&[view((1_900, 2_100), false)]).is_some(), "told after it had ended");
        let mut without = view((900, 950), false);
        without.scene = Scene::new(vec![field("User", false, true)].into(), Vec::new());
        assert_eq!(told(&[without]), None, "there is none");
        assert_eq!(told(&[]), None);
    }
}
