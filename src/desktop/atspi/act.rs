//! What is asked of an element through its application, without mouse or keyboard.

use zbus::{OwnedObjectPath, Variant};

use super::{
    bus::Bus,
    node::{Address, property},
};
use crate::desktop::ui::Act;

const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const ACTION: &str = "org.a11y.atspi.Action";
const COMPONENT: &str = "org.a11y.atspi.Component";
const EDITABLE: &str = "org.a11y.atspi.EditableText";
const SELECTION: &str = "org.a11y.atspi.Selection";
const VALUE: &str = "org.a11y.atspi.Value";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Whether the application did it, as far as it says.
pub(super) async fn perform(bus: &Bus, to: (&str, &str), act: &Act) -> bool {
    match act {
        // The first action is the main one.
        Act::Invoke => bus.call(to, ACTION, "DoAction", &0_i32).await.unwrap_or(false),
        Act::Focus => bus.call(to, COMPONENT, "GrabFocus", &()).await.unwrap_or(false),
        Act::SetValue(text) => set_text(bus, to, text).await || set_number(bus, to, text).await,
        Act::Select => select(bus, to).await.unwrap_or(false),
    }
}

async fn set_text(bus: &Bus, to: (&str, &str), text: &str) -> bool {
    bus.call(to, EDITABLE, "SetTextContents", &text).await.unwrap_or(false)
}

async fn set_number(bus: &Bus, to: (&str, &str), text: &str) -> bool {
    let Ok(number) = text.trim().parse::<f64>() else { return false };
    bus.call::<_, ()>(to, PROPERTIES, "Set", &(VALUE, "CurrentValue", Variant::from(number))).await.is_some()
}

/// Its parent chooses it among its children. The options of a combo box lie in a menu of its, and the box itself chooses.
async fn select(bus: &Bus, to: (&str, &str)) -> Option<bool> {
    const COMBO_BOX: u32 = 11;
    let index: i32 = bus.call(to, ACCESSIBLE, "GetIndexInParent", &()).await?;
    let mut holder = parent(bus, to).await?;
    if let Some(around) = parent(bus, (&holder.0, &holder.1)).await
        && bus.call::<_, u32>((&around.0, &around.1), ACCESSIBLE, "GetRole", &()).await == Some(COMBO_BOX)
    {
        holder = around;
    }
    bus.call((&holder.0, &holder.1), SELECTION, "SelectChild", &index).await
}

async fn parent(bus: &Bus, to: (&str, &str)) -> Option<Address> {
    let parent = property(bus, to, ACCESSIBLE, "Parent").await?;
    <(String, OwnedObjectPath)>::try_from(parent).ok()
}
