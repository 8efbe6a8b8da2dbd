//! Workflows, apps, pools and channels: the same routes for each.

use super::{CURSOR, LIMIT, OPERATOR, VIEWER};
use crate::{
    http::{
        handlers::documents,
        route::{Parameter, Route, delete, flag, get, json, object, page, post, put, shaped, text},
    },
    wire::document::{Document, PauseRequest, Stored},
};

const IF_MATCH: Parameter = shaped(
    "If-Match",
    r#"^(\*|(W/)?"[^"]+")$"#,
    "The ETag last seen: refused with 412 where it has changed meanwhile.",
);
const IF_NONE_MATCH: Parameter = text("If-None-Match", "`*`: refused with 412 where there is one already.");

/// The routes of one kind.
macro_rules! of_kind {
    ($module:ident, $base:literal) => {
        vec![
            get($base, documents::$module::list, VIEWER),
            get(concat!($base, "/{name}"), documents::$module::show, VIEWER),
            put(concat!($base, "/{name}"), documents::$module::put, OPERATOR),
            delete(concat!($base, "/{name}"), documents::$module::delete, OPERATOR),
            get(concat!($base, "/{name}/versions"), documents::$module::versions, VIEWER),
            get(concat!($base, "/{name}/versions/{version}"), documents::$module::version, VIEWER),
            post(concat!($base, "/{name}/pause"), documents::$module::pause, OPERATOR),
            post(concat!($base, "/{name}/resume"), documents::$module::resume, OPERATOR),
        ]
    };
}

pub(super) fn routes() -> Vec<Route> {
    let kinds = [
        ("workflows", of_kind!(workflows, "/v1/workflows")),
        ("apps", of_kind!(apps, "/v1/apps")),
        ("pools", of_kind!(pools, "/v1/pools")),
        ("channels", of_kind!(channels, "/v1/channels")),
    ];
    kinds.into_iter().flat_map(|(tag, routes)| routes.into_iter().map(move |route| described(tag, route))).collect()
}

fn described(tag: &'static str, route: Route) -> Route {
    let method = route.method.clone();
    let last = route.path.rsplit('/').next().unwrap_or_default();
    match (method.as_str(), last) {
        ("PUT", _) => route
            .about(tag, "Store a document; other content than the newest version's makes a new version")
            .query(&[flag("dry_run", "Check it and show what would change, and store nothing.")])
            .headers(&[IF_MATCH, IF_NONE_MATCH])
            .takes(object("application/yaml"))
            .takes(object("application/json"))
            .answers(201, "A new version.", json::<Stored>())
            .answers(200, "The newest version is like it; or it was a dry run.", json::<Stored>()),
        ("DELETE", _) => route
            .about(tag, "Delete a document; its versions stay to be looked at")
            .headers(&[IF_MATCH])
            .answers_nothing(204, "It is gone."),
        ("POST", "pause") => route.about(tag, "Start no new work with it").may_take(json::<PauseRequest>()).answers(
            200,
            "The document.",
            json::<Document>(),
        ),
        ("POST", _) => route.about(tag, "Let work with it go on").answers(200, "The document.", json::<Document>()),
        (_, "versions") => route.about(tag, "Its versions, newest first").query(&[LIMIT, CURSOR]).answers(
            200,
            "A page.",
            page::<Document>(),
        ),
        (_, "{version}") => route.about(tag, "One version").answers(200, "The document.", json::<Document>()),
        (_, "{name}") => route
            .about(tag, "The newest version")
            .answers(200, "The document.", json::<Document>())
            .answers_nothing(304, "The client has it."),
        _ => route.about(tag, "Documents of this kind, by name").query(&[LIMIT, CURSOR]).answers(
            200,
            "A page.",
            page::<Document>(),
        ),
    }
}
