//! One node of the tree, as its application tells of it.

use std::collections::HashMap;

use zbus::{OwnedObjectPath, OwnedVariant};

use super::{
    bus::Bus,
    roles::{self, Bits},
};
use crate::desktop::{
    Rect,
    ui::{Element, ElementId},
};

const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const COMPONENT: &str = "org.a11y.atspi.Component";
const TEXT: &str = "org.a11y.atspi.Text";
const VALUE: &str = "org.a11y.atspi.Value";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Coordinates of the whole desktop.
const ON_SCREEN: u32 = 0;

/// Longer texts are cut: what a whole document holds is asked of the application itself.
const MAX_TEXT: i32 = 4_000;

/// Of a relation to the label that names an element.
const LABELLED_BY: u32 = 2;

/// Where a node is: its application's name on the bus, and its path there.
pub(super) type Address = (String, OwnedObjectPath);

/// What is known of a node before its place in the tree is.
pub(super) struct Node {
    pub(super) element: Element,
    /// The label that names it, where it has no name of its own.
    pub(super) label: Option<ElementId>,
    /// Whether its children are to be asked for.
    pub(super) has_children: bool,
}

pub(super) fn id(address: &Address) -> ElementId {
    ElementId { owner: address.0.clone(), object: address.1.to_string() }
}

/// Its children, in their order.
pub(super) async fn children(bus: &Bus, to: (&str, &str)) -> Option<Vec<Address>> {
    bus.call(to, ACCESSIBLE, "GetChildren", &()).await
}

/// A property of any kind that the bus knows.
pub(super) async fn property(bus: &Bus, to: (&str, &str), interface: &str, name: &str) -> Option<OwnedVariant> {
    bus.call(to, PROPERTIES, "Get", &(interface, name)).await
}

impl Node {
    /// Asks the application for all of it. `None`: it is gone.
    pub(super) async fn ask(bus: &Bus, address: &Address, pid: u32, parent: Option<usize>) -> Option<Self> {
        let to = (address.0.as_str(), address.1.as_str());
        let words: Vec<u32> = bus.call(to, ACCESSIBLE, "GetState", &()).await?;
        let bits = Bits::new(&words);
        if bits.is_defunct() {
            return None;
        }
        let (role, interfaces, known) = tokio::join!(
            bus.call::<_, u32>(to, ACCESSIBLE, "GetRole", &()),
            bus.call::<_, Vec<String>>(to, ACCESSIBLE, "GetInterfaces", &()),
            bus.call::<_, HashMap<String, OwnedVariant>>(to, PROPERTIES, "GetAll", &ACCESSIBLE),
        );
        let (role, interfaces, known) = (role?, interfaces.unwrap_or_default(), known.unwrap_or_default());
        let has = |interface: &str| interfaces.iter().any(|known| known == interface);
        let states = bits.states(role);
        let text = |name: &str| known.get(name).and_then(|value| value.downcast_ref::<String>().ok());
        let name = text("Name").unwrap_or_default();
        let rect = if bits.is_shown() && has(COMPONENT) { extents(bus, to).await } else { None };
        let value = match () {
            () if states.password => None,
            () if has(TEXT) => content(bus, to).await,
            () if has(VALUE) => number(bus, to).await,
            () => None,
        };
        let nameless = name.trim().is_empty() && (states.editable || value.is_some());
        let label = if nameless { label(bus, to).await } else { None };
        let element = Element {
            id: id(address),
            parent,
            role: roles::aria(role),
            name,
            key: text("AccessibleId").unwrap_or_default(),
            value,
            rect,
            pid,
            states,
        };
        let count = known.get("ChildCount").and_then(|value| value.downcast_ref::<i32>().ok());
        let has_children = count.is_none_or(|count| count > 0) && !bits.makes_children_up();
        Some(Self { element, label, has_children })
    }
}

/// Nothing where it has no area, or lies outside of what a desktop can have.
async fn extents(bus: &Bus, to: (&str, &str)) -> Option<Rect> {
    let ((x, y, width, height),): ((i32, i32, i32, i32),) = bus.call(to, COMPONENT, "GetExtents", &ON_SCREEN).await?;
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let is_place = x > i32::MIN && y > i32::MIN && width > 0 && height > 0;
    is_place.then(|| Rect::new(x, y, width, height))
}

async fn content(bus: &Bus, to: (&str, &str)) -> Option<String> {
    let whole = bus.call::<_, String>(to, TEXT, "GetText", &(0_i32, -1_i32));
    let count = property(bus, to, TEXT, "CharacterCount").await?.downcast_ref::<i32>().ok()?;
    if count > MAX_TEXT {
        return bus.call(to, TEXT, "GetText", &(0_i32, MAX_TEXT)).await;
    }
    whole.await
}

async fn number(bus: &Bus, to: (&str, &str)) -> Option<String> {
    let value = property(bus, to, VALUE, "CurrentValue").await?.downcast_ref::<f64>().ok()?;
    Some(value.to_string())
}

async fn label(bus: &Bus, to: (&str, &str)) -> Option<ElementId> {
    let relations: Vec<(u32, Vec<Address>)> = bus.call(to, ACCESSIBLE, "GetRelationSet", &()).await?;
    let (_, labels) = relations.into_iter().find(|(kind, _)| *kind == LABELLED_BY)?;
    labels.first().map(id)
}
