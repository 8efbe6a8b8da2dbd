//! From the table to a router: each row guarded, everything else answered with a problem.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{from_fn, from_fn_with_state},
    routing::MethodRouter,
};

use super::{
    access::guard,
    app::App,
    bounds,
    observe::{observe, problems_only},
    problem::{ApiError, Code},
    route::Route,
};

pub fn build(app: App, table: Vec<Route>) -> Router {
    let mut by_path: BTreeMap<&'static str, MethodRouter<App>> = BTreeMap::new();
    for row in table {
        let serve = row.serve.clone();
        let path = row.path;
        let guarded = serve.route_layer(from_fn_with_state((app.clone(), Arc::new(row)), guard));
        let others = by_path.remove(path).unwrap_or_default();
        by_path.insert(path, others.merge(guarded));
    }
    let mut router = Router::new();
    for (path, methods) in by_path {
        router = router.route(path, methods);
    }
    router
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        // Bodies are bounded by `request`, each by its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(problems_only))
        .layer(from_fn(bounds::head))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

async fn no_such_route(request: Request) -> ApiError {
    let path = request.uri().path();
    if is_reserved(path) {
        return ApiError::new(Code::NotFound, format!("{path} is not available in this version"));
    }
    ApiError::new(Code::NotFound, "there is nothing under this path; /openapi.json lists what there is")
}

async fn wrong_method(request: Request) -> ApiError {
    let detail = format!("{} is not possible here; the header `Allow` lists what is", request.method());
    ApiError::new(Code::MethodNotAllowed, detail)
}

/// What the contract names and this version does not have.
fn is_reserved(path: &str) -> bool {
    const FAMILIES: &[&str] = &[
        "credentials",
        "channels",
        "triggers",
        "alerts",
        "teams",
        "provisioners",
        "questions",
        "incidents",
        "capacity",
        "hooks",
        "audit",
        "logs",
    ];
    const OF_JOBS: &[&str] = &["review", "explain", "logs", "report", "bulk"];
    const OF_MACHINES: &[&str] = &["restart-agent", "reboot", "bulk"];
    let Some(rest) = path.strip_prefix("/v1/") else { return path == "/" };
    let mut parts = rest.split('/');
    let family = parts.next().unwrap_or_default();
    let last = parts.next_back().unwrap_or_default();
    FAMILIES.contains(&family)
        || (family == "jobs" && OF_JOBS.contains(&last))
        || (family == "machines" && OF_MACHINES.contains(&last))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode};
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        config::{Layers, Settings},
        controller,
        http::{
            observe::REQUEST_ID,
            problem::PROBLEM_JSON,
            route::{Access, get},
            tls::Tls,
        },
        time::Clock,
    };

    async fn fails() -> &'static str {
        panic!("on purpose")
    }

    #[test]
    fn a_handler_that_panics_fails_alone() {
        let dir = tempfile::tempdir().unwrap();
        let layers = Layers { default_data_dir: dir.path().to_owned(), ..Layers::default() };
        let settings = Settings::load(&layers).unwrap().controller;
        let (controller, handle) =
            controller::start(dir.path(), controller::Settings::default(), Clock::System).unwrap();
        let tls = Tls::open(&settings, Clock::System.now().wall).unwrap();
        let router = build(App::new(handle, tls, &settings), vec![get("/fails", fails, Access::Anyone)]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ask = |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            runtime.block_on(router.clone().oneshot(request)).unwrap()
        };
        let failed = ask("/fails");
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(failed.headers()["content-type"], PROBLEM_JSON);
        assert!(failed.headers().contains_key(REQUEST_ID));
        assert_eq!(ask("/elsewhere").status(), StatusCode::NOT_FOUND, "the next request is served");
        controller.stop();
    }

    #[test]
    fn what_is_to_come_is_told_from_what_will_never_be() {
        for path in ["/", "/v1/credentials", "/v1/questions/qst_1/answer", "/v1/jobs/job_1/review", "/v1/machines/bulk"]
        {
            assert!(is_reserved(path), "{path}");
        }
        for path in ["/v2/jobs", "/v1/task", "/v1/jobs/job_1/steps", "/v1/machines/vm-07"] {
            assert!(!is_reserved(path), "{path}");
        }
    }
}
