//! Readers of controls and of what is asked of them.

use super::Reader;
use super::fields::Fields;
use super::names::nearest;
use super::target::transpose;
use crate::workflow::model::{Checked, Control, PATH_SEPARATOR, Request, Role, UiTarget};
use crate::workflow::node::{Node, Tree};
use crate::workflow::template::Template;

impl Reader {
    /// A control by its name, or by several things.
    pub(super) fn ui_target(&mut self, node: &Node) -> Option<UiTarget> {
        if let Tree::Text(_) = node.tree {
            let name = Some(self.filled(node)?);
            return Some(UiTarget { role: None, name, id: None, value: None, path: None });
        }
        let mut fields = Fields::new(node, "a control", self)?;
        let role = fields.take("role").map(|node| self.role(node));
        let name = fields.take("name").map(|node| self.filled(node));
        let id = fields.take("id").map(|node| self.filled(node));
        let value = fields.take("value").map(|node| self.template(node));
        let path = fields.take("path").map(|node| self.path(node));
        fields.finish("a control", &[], self);
        if role.is_none() && [&name, &id, &value, &path].iter().all(|part| part.is_none()) {
            self.fault(node, "a control needs role, name, id, value or path");
            return None;
        }
        Some(UiTarget {
            role: transpose(role)?,
            name: transpose(name)?,
            id: transpose(id)?,
            value: transpose(value)?,
            path: transpose(path)?,
        })
    }

    fn role(&mut self, node: &Node) -> Option<Role> {
        let text = self.text(node)?;
        let role = Role::new(text);
        if role.is_none() {
            let detail = format!("`{text}` is no role");
            match nearest(text, Role::ALL) {
                Some(name) => self.fault_with(node, detail, format!("did you mean `{name}`?")),
                None => self.fault_with(node, detail, "roles are ARIA's, such as button, textbox, menuitem or cell"),
            }
        }
        role
    }

    /// Names from outside to inside, none of them empty where they are written down.
    pub(super) fn path(&mut self, node: &Node) -> Option<Template> {
        let path = self.filled(node)?;
        let is_written = !path.source().contains("{{");
        if is_written && path.source().split(PATH_SEPARATOR).any(|name| name.trim().is_empty()) {
            self.fault_with(node, "a name in this path is empty", "such as \"File > Print\"");
            return None;
        }
        Some(path)
    }

    pub(super) fn control(&mut self, name: &str, node: &Node) -> Option<Control> {
        if node.as_text().is_some() {
            return self.target(node).and(None);
        }
        let what = format!("`{name}`");
        let mut fields = Fields::new(node, &what, self)?;
        let request = match name {
            "invoke" => Some(Request::Invoke),
            "focus" => Some(Request::Focus),
            "set_value" => {
                fields.require("value", &what, self).and_then(|node| self.template(node)).map(Request::SetValue)
            }
            "select" => fields.require("option", &what, self).and_then(|node| self.filled(node)).map(Request::Select),
            _ => fields.require("checked", &what, self).and_then(|node| self.checked(node)).map(Request::SetChecked),
        };
        let target = self.flat_target(&mut fields);
        fields.finish(&what, &[], self);
        Some(Control { target: target?, request: request? })
    }

    fn checked(&mut self, node: &Node) -> Option<Checked> {
        match &node.tree {
            Tree::Text(text) if text.contains("{{") => self.template(node).map(Checked::Computed),
            _ => self.boolean(node).map(Checked::Fixed),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::workflow::{Action, Checked, Find, Request, parse_one};

    fn read(step: &str) -> Result<Action, String> {
        let text = format!("kind: workflow\nname: w\nsteps:\n  - {step}\n");
        let document = parse_one(text.as_bytes()).map_err(|faults| format!("{faults:?}"))?;
        Ok(document.as_workflow().unwrap().steps[0].action.clone())
    }

    #[test]
    fn a_control_is_named_by_one_thing_or_several() {
        let Ok(Action::Click(click)) = read("click: { ui: Save }") else { panic!("a name") };
        assert!(matches!(&click.target.find, Find::Ui(ui) if ui.name.as_ref().unwrap().source() == "Save"));
        let written = "invoke: { ui: { role: button, path: 'Settings > OK' }, in: { window: Clinic } }";
        let Ok(Action::Control(control)) = read(written) else { panic!("a path") };
        assert!(matches!(control.request, Request::Invoke) && control.target.within.is_some());
        let Ok(Action::Control(control)) = read("set_checked: { target: { ui: Urgent }, checked: true }") else {
            panic!("under `target`")
        };
        assert!(matches!(control.request, Request::SetChecked(Checked::Fixed(true))));
        let Ok(Action::Type(typing)) = read("type: { into: { right_of: { text: MRN } }, text: '1' }") else {
            panic!("a field beside a label")
        };
        assert!(matches!(typing.into.unwrap().find, Find::Field));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_write() {
        for (wrong, told) in [
            ("click: { ui: { role: buton } }", "did you mean `button`?"),
            ("click: { ui: {} }", "role, name, id, value or path"),
            ("click: { ui: { title: x } }", "unknown key `title`"),
            ("menu: 'File > > Print'", "is empty"),
            ("set_value: { ui: Name }", "needs `value`"),
            ("select: { ui: Country }", "needs `option`"),
            ("set_checked: { ui: Urgent, checked: maybe }", "true or false is needed"),
            ("invoke: Save", "a bare string is no target"),
            ("wait: { right_of: { text: MRN } }", "no probe"),
            ("type: { text: x, via: value }", "`into`"),
        ] {
            let fault = read(wrong).unwrap_err();
            assert!(fault.contains(told), "{wrong}: {fault}");
        }
    }
}
