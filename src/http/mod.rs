//! HTTPS: people, programs and agents speak to the controller here. One table says what there is and who may call it; the
//! router, the checks and the description at `/openapi.json` are made from it. Handlers are thin shells around the handle.
//!
//! It must not know the store, nor the agent's inside, and never decides what the fleet should: it parses, asks and shows.

mod access;
mod app;
mod bounds;
mod bulk_answers;
mod convert;
mod documents;
mod handlers;
mod notify;
mod observe;
mod openapi;
mod private_file;
pub mod problem;
mod range;
mod request;
pub mod route;
mod router;
mod routes;
mod secret;
mod serve;
pub mod server;
mod sessions;
mod submit;
pub mod tls;

pub use app::App;
pub use router::build as router;
pub use routes::routes;
pub use serve::{Running, ServeError, serve, start};

/// The API description as JSON (`OpenAPI` 3.1).
pub fn description() -> serde_json::Value {
    openapi::describe(&routes())
}
