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
    observe::{observe, problems_only},
    problem::{ApiError, Code},
    route::Route,
};

pub fn build(app: App, routes: Vec<Route>) -> Router {
    let mut by_path: BTreeMap<&'static str, MethodRouter<App>> = BTreeMap::new();
    for route in routes {
        let serve = route.serve.clone();
        let path = route.path;
        let guarded = serve.route_layer(from_fn_with_state((app.clone(), Arc::new(route)), guard));
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
    use super::*;

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
