//! The pointer: click, move, drag, scroll.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    agent::runner::{fault::Break, find::Hit, run::Runner},
    desktop::{self, Rect},
    workflow::{self, Click, Drag, Scroll, Target},
};

impl Runner<'_> {
    pub(in crate::agent::runner) fn click(
        &mut self,
        click: &Click,
        count: u8,
        timeout: Duration,
    ) -> Result<Value, Break> {
        let hit = self.reach(&click.target, timeout)?;
        let modifiers = modifiers(&click.modifiers);
        self.world.desktop().click(hit.point, button(click.button), count, &modifiers)?;
        Ok(place(&hit))
    }

    pub(in crate::agent::runner) fn move_to(&mut self, target: &Target, timeout: Duration) -> Result<Value, Break> {
        let hit = self.reach(target, timeout)?;
        self.world.desktop().move_pointer(hit.point)?;
        Ok(place(&hit))
    }

    /// Both ends are found before the button goes down.
    pub(in crate::agent::runner) fn drag(&mut self, drag: &Drag, timeout: Duration) -> Result<Value, Break> {
        let from = self.reach(&drag.from, timeout)?;
        let to = self.seek(&drag.to, timeout)?;
        self.go_on()?;
        let modifiers = modifiers(&drag.modifiers);
        self.world.desktop().drag(from.point, to.point, button(drag.button), &modifiers)?;
        Ok(json!({ "from": place(&from), "to": place(&to) }))
    }

    pub(in crate::agent::runner) fn scroll(&mut self, scroll: &Scroll, timeout: Duration) -> Result<Value, Break> {
        let point = match &scroll.target {
            Some(target) => self.reach(target, timeout)?.point,
            None => self.world.desktop().pointer()?,
        };
        self.go_on()?;
        self.world.desktop().scroll(point, scroll.dx, scroll.dy)?;
        Ok(Value::Null)
    }
}

/// What `as` keeps of a place.
pub(super) fn place(hit: &Hit) -> Value {
    let Rect { x, y, width, height } = hit.rect;
    json!({ "x": x, "y": y, "width": width, "height": height })
}

fn button(button: workflow::Button) -> desktop::Button {
    match button {
        workflow::Button::Left => desktop::Button::Left,
        workflow::Button::Middle => desktop::Button::Middle,
        workflow::Button::Right => desktop::Button::Right,
    }
}

pub(super) fn modifiers(modifiers: &[workflow::Modifier]) -> Vec<desktop::Modifier> {
    modifiers.iter().map(|modifier| super::keyboard::modifier(*modifier)).collect()
}
