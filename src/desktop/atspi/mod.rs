//! The control tree on Linux: AT-SPI 2 over D-Bus, as screen readers use it.
//!
//! Every call has a limit, and so has the whole look: an application that does not answer is left out, and the desktop thread goes on.

use std::{collections::HashMap, time::Duration};

use super::{
    DesktopError, Stopwatch,
    ui::{Act, Element, ElementId, Grid},
};

mod act;
mod bus;
mod node;
mod roles;
mod table;

use bus::Bus;
use node::{Address, Node};

/// For a look at all the trees that are asked for.
const LOOK: Duration = Duration::from_secs(3);

/// For one act on an element.
const ACT: Duration = Duration::from_secs(3);

/// For a table of thousands of rows.
const TABLE: Duration = Duration::from_secs(60);

/// Elements of one look; what goes beyond is left out.
const MAX_ELEMENTS: usize = 5_000;

/// Children of one element that are looked at: lists of thousands are read by `read_table`.
const MAX_CHILDREN: usize = 1_000;

/// Where there is no bus, it is looked for again after this long.
const RETRY: Duration = Duration::from_secs(5);

/// The registry that knows all applications on the bus.
const REGISTRY: (&str, &str) = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root");

/// The trees of all applications of one desktop.
#[derive(Default)]
pub(super) struct Tree {
    bus: Option<Bus>,
    /// When there was none, and why.
    refused: Option<(Stopwatch, DesktopError)>,
}

impl Tree {
    /// The elements of these processes, parents before their children. `address` is what the display says of its bus.
    pub(super) fn elements(&mut self, address: Option<&str>, pids: &[u32]) -> Result<Vec<Element>, DesktopError> {
        let bus = self.bus(address)?;
        let mut elements = Vec::new();
        let finished = bus.within(LOOK, look(bus, pids, &mut elements));
        if finished.is_none() && elements.is_empty() {
            // The bus itself may be gone; the next look asks for it anew.
            self.bus = None;
        }
        Ok(elements)
    }

    pub(super) fn act(&mut self, address: Option<&str>, id: &ElementId, act: &Act) -> Result<(), DesktopError> {
        let bus = self.bus(address)?;
        let to = (id.owner.as_str(), id.object.as_str());
        match bus.within(ACT, act::perform(bus, to, act)) {
            Some(true) => Ok(()),
            Some(false) => Err(DesktopError::Refused(format!("the element cannot {}", act.name()))),
            None => Err(DesktopError::Refused(format!(
                "the application did not answer within {} s when its element was to {}",
                ACT.as_secs(),
                act.name()
            ))),
        }
    }

    pub(super) fn table(
        &mut self,
        address: Option<&str>,
        id: &ElementId,
        rows: usize,
    ) -> Result<Option<Grid>, DesktopError> {
        let bus = self.bus(address)?;
        let read = bus.within(TABLE, table::read(bus, (&id.owner, &id.object), rows));
        read.ok_or_else(|| {
            DesktopError::Refused(format!("the application did not tell of its table within {} s", TABLE.as_secs()))
        })
    }

    fn bus(&mut self, address: Option<&str>) -> Result<&Bus, DesktopError> {
        if let Some((since, reason)) = &self.refused
            && self.bus.is_none()
            && since.left(RETRY).is_some()
        {
            return Err(reason.clone());
        }
        let bus = match self.bus.take() {
            Some(bus) => bus,
            None => Bus::open(address).inspect_err(|reason| {
                self.refused = Some((Stopwatch::start(), reason.clone()));
            })?,
        };
        Ok(self.bus.insert(bus))
    }
}

/// Level by level, so that what a limit cuts off is what lies deepest.
async fn look(bus: &Bus, pids: &[u32], elements: &mut Vec<Element>) {
    let applications = node::children(bus, REGISTRY).await.unwrap_or_default();
    let owned = bus::all(applications.into_iter().map(|application| async move {
        let pid = pid_of(bus, &application.0).await.filter(|pid| pids.contains(pid))?;
        let windows = node::children(bus, (&application.0, &application.1)).await?;
        Some(windows.into_iter().map(move |window| (window, pid, None)).collect::<Vec<_>>())
    }))
    .await;
    let mut labels = HashMap::new();
    let mut level: Vec<(Address, u32, Option<usize>)> = owned.into_iter().flatten().flatten().collect();
    while !level.is_empty() && elements.len() < MAX_ELEMENTS {
        level.truncate(MAX_ELEMENTS - elements.len());
        let asked = level.iter().map(|(address, pid, parent)| Node::ask(bus, address, *pid, *parent));
        let nodes = bus::all(asked).await;
        let mut parents = Vec::new();
        for ((address, pid, _), node) in level.into_iter().zip(nodes) {
            let Some(node) = node else { continue };
            let at = elements.len();
            if let Some(label) = node.label {
                labels.insert(at, label);
            }
            elements.push(node.element);
            if node.has_children {
                parents.push((address, pid, at));
            }
        }
        let children = bus::all(parents.into_iter().map(|((owner, object), pid, at)| async move {
            let mut children = node::children(bus, (&owner, &object)).await.unwrap_or_default();
            children.truncate(MAX_CHILDREN);
            children.into_iter().map(move |child| (child, pid, Some(at))).collect::<Vec<_>>()
        }))
        .await;
        level = children.into_iter().flatten().collect();
    }
    name_by_labels(elements, &labels);
}

async fn pid_of(bus: &Bus, owner: &str) -> Option<u32> {
    let (to, interface) = (("org.freedesktop.DBus", "/org/freedesktop/DBus"), "org.freedesktop.DBus");
    bus.call(to, interface, "GetConnectionUnixProcessID", &owner).await
}

fn name_by_labels(elements: &mut [Element], labels: &HashMap<usize, ElementId>) {
    for (at, label) in labels {
        let name = elements.iter().find(|element| element.id == *label).map(|element| element.name.clone());
        if let Some(name) = name {
            name.trim_end().trim_end_matches(':').clone_into(&mut elements[*at].name);
        }
    }
}
