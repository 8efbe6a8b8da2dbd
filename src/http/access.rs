//! Who is asking, and whether a route's row lets them. The one place where that is decided.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{
    app::App,
    problem::{ApiError, ApiResult, Code},
    request::Query,
    route::{Access, Route},
    secret,
    server::Peer,
};
use crate::{
    controller::MachineIdentity,
    fleet::{Principal, Role, Token},
};

/// The token that was let in; an argument of handlers whose row asks for a role.
#[derive(Debug, Clone)]
pub(crate) struct CallerToken(pub(crate) Token);

impl CallerToken {
    pub(crate) fn principal(&self) -> Principal {
        self.0.principal()
    }
}

/// The machine that was let in; an argument of handlers whose row asks for one.
#[derive(Debug, Clone)]
pub(crate) struct CallerMachine(pub(crate) MachineIdentity);

/// Around every route: its row decides.
pub(super) async fn guard(
    State((app, row)): State<(App, std::sync::Arc<Route>)>,
    mut request: Request,
    next: Next,
) -> ApiResult<Response> {
    match row.access {
        Access::Anyone | Access::JoinToken => {}
        Access::Metrics if app.metrics_open() => {}
        Access::Metrics => drop(role_of(&app, request.headers(), Role::Viewer)?),
        Access::Role(role) => {
            let token = role_of(&app, request.headers(), role)?;
            request.extensions_mut().insert(CallerToken(token));
        }
        Access::Machine | Access::ExpiredMachine => {
            let machine = machine_of(&app, request.extensions().get(), row.access)?;
            request.extensions_mut().insert(CallerMachine(machine));
        }
    }
    let _place = if check_query(&row, &request)? { Some(app.place_to_wait()?) } else { None };
    Ok(next.run(request).await)
}

fn role_of(app: &App, headers: &HeaderMap, needed: Role) -> ApiResult<Token> {
    let secret = bearer(headers)?;
    let token = app.handle().token_by_secret(&secret::digest_of(secret)).ok_or_else(|| {
        ApiError::new(Code::Unauthorized, "this token is not valid (any more): ask an administrator for a new one")
    })?;
    allow(&token, needed)?;
    Ok(token)
}

pub(crate) fn allow(token: &Token, needed: Role) -> ApiResult<()> {
    if token.role >= needed {
        return Ok(());
    }
    let detail = format!(
        "this needs the role `{}`, and the token `{}` has `{}`: use another token",
        needed.as_str(),
        token.name,
        token.role.as_str()
    );
    Err(ApiError::new(Code::Forbidden, detail))
}

fn bearer(headers: &HeaderMap) -> ApiResult<&str> {
    let how =
        "send the header `Authorization: Bearer <token>`; the first token is in admin.token of the data directory";
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| ApiError::new(Code::Unauthorized, how))?;
    let secret = value.to_str().ok().and_then(|text| {
        let (scheme, secret) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    secret.filter(|secret| !secret.is_empty()).ok_or_else(|| ApiError::new(Code::Unauthorized, how))
}

fn machine_of(app: &App, peer: Option<&Peer>, access: Access) -> ApiResult<MachineIdentity> {
    let refused = |detail: &str| ApiError::new(Code::Unauthorized, detail);
    let certificate = peer
        .and_then(|peer| peer.certificate)
        .ok_or_else(|| refused("this is for machines: show the client certificate that joining gave"))?;
    let machine = app
        .handle()
        .machine_by_certificate(&certificate.digest)
        .ok_or_else(|| refused("this certificate is no machine's (any more): join again"))?;
    if access == Access::Machine && !certificate.is_current(app.clock().now().wall) {
        return Err(refused("this certificate has expired: renew it at /agent/v1/renew"));
    }
    Ok(machine)
}

/// Parameters by which an answer is held back.
const WAITING: [&str; 2] = ["wait", "fresh"];

/// A misspelt filter would answer with everything: better to say so. Answers whether the request asks to be held back.
fn check_query(row: &Route, request: &Request) -> ApiResult<bool> {
    let mut query = Query::of(request.uri())?;
    let unknown: Vec<String> = query.names().filter(|name| !row.knows_parameter(name)).map(str::to_owned).collect();
    let known: Vec<&str> = row.query.iter().map(|parameter| parameter.name).collect();
    for name in unknown {
        let detail = match known.as_slice() {
            [] => "is not known here; this route has no parameters".to_owned(),
            known => format!("is not known here; there are {}", known.join(", ")),
        };
        query.refuse(&name, detail);
    }
    let waits = query.names().any(|name| WAITING.contains(&name));
    query.finish()?;
    Ok(waits)
}

impl<S: Send + Sync> FromRequestParts<S> for CallerToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| wrong_row("a token"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CallerMachine {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| wrong_row("a machine"))
    }
}

/// Refused rather than served to nobody in particular.
fn wrong_row(what: &str) -> ApiError {
    ApiError::new(Code::Internal, format!("the row of this route does not ask for {what}, its handler does"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::{
        ids::{Digest, TokenId},
        time::Timestamp,
    };

    fn token(role: Role) -> Token {
        Token {
            id: TokenId::new(1, 1),
            name: "ci".to_owned(),
            role,
            team: "default".parse().unwrap(),
            digest: Digest::of(b"secret"),
            created_at: Timestamp::default(),
            expires_at: None,
            by: Principal::System,
        }
    }

    #[test]
    fn a_higher_role_may_what_a_lower_one_may_and_not_the_other_way_round() {
        for (have, needed) in Role::ALL.into_iter().flat_map(|have| Role::ALL.map(|needed| (have, needed))) {
            assert_eq!(allow(&token(have), needed).is_ok(), have >= needed, "{have:?} for {needed:?}");
        }
        let error = allow(&token(Role::Viewer), Role::Operator).unwrap_err();
        assert_eq!(error.code, Code::Forbidden);
        assert!(error.detail.contains("`operator`") && error.detail.contains("`viewer`"), "{}", error.detail);
    }

    #[test]
    fn only_a_bearer_token_counts() {
        let headers =
            |value: &'static str| HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
        assert_eq!(bearer(&headers("bearer  dft_x ")).unwrap(), "dft_x");
        for bad in ["Basic dXNlcg==", "dft_x", "Bearer ", "Bearer"] {
            assert_eq!(bearer(&headers(bad)).unwrap_err().code, Code::Unauthorized, "{bad}");
        }
        assert!(bearer(&HeaderMap::new()).is_err());
    }
}
