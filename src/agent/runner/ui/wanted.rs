//! What a control must be like to be the one that is meant, its templates filled in.

use crate::{
    desktop::ui::Wanted,
    workflow::{PATH_SEPARATOR, Role, Scope, Template, TemplateError, UiTarget},
};

pub(super) fn wanted(sought: &UiTarget, scope: &Scope) -> Result<Wanted, TemplateError> {
    let text = |template: &Option<Template>| template.as_ref().map(|template| template.text(scope)).transpose();
    Ok(Wanted {
        role: sought.role.map(Role::as_str),
        name: text(&sought.name)?,
        key: text(&sought.id)?,
        value: text(&sought.value)?,
        path: names(&text(&sought.path)?.unwrap_or_default()),
    })
}

/// The names of a path, from outside to inside.
pub(in crate::agent::runner) fn names(path: &str) -> Vec<String> {
    path.split(PATH_SEPARATOR).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}
