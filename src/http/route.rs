//! What a route is: one row of the table. The router, the checks of who may call it and what its query may hold, and the
//! description at `/openapi.json` are all made from it.

use std::borrow::Cow;

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{app::App, openapi};
use crate::fleet::Role;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anyone,
    /// Viewers, or anyone where `metrics.open` is set.
    Metrics,
    /// Who has a join token, in the body: checked by the handler, because the fleet counts its uses.
    JoinToken,
    /// A token of this role or a higher one.
    Role(Role),
    /// A registered machine, by its certificate.
    Machine,
    /// The same, also with a certificate that has expired: to exchange it.
    ExpiredMachine,
}

/// A parameter of the query or a header.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// One that ends in `.` stands for all names that begin with it.
    pub name: &'static str,
    pub form: Form,
    pub about: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Integer,
    /// From 1 to a most.
    Count {
        most: u32,
    },
    Flag,
    /// A number and a unit: `30s`.
    Duration,
    /// Comma separated.
    List,
    /// Text of this form, a regular expression.
    Shaped(&'static str),
}

pub(crate) const fn text(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, form: Form::Text, about }
}

pub(crate) const fn integer(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, form: Form::Integer, about }
}

pub(crate) const fn shaped(name: &'static str, pattern: &'static str, about: &'static str) -> Parameter {
    Parameter { name, form: Form::Shaped(pattern), about }
}

pub(crate) const fn count(name: &'static str, most: u32, about: &'static str) -> Parameter {
    Parameter { name, form: Form::Count { most }, about }
}

pub(crate) const fn flag(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, form: Form::Flag, about }
}

pub(crate) const fn duration(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, form: Form::Duration, about }
}

pub(crate) const fn list(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, form: Form::List, about }
}

/// A body, of a request or an answer.
#[derive(Debug, Clone)]
pub struct Content {
    pub media_type: &'static str,
    pub schema: Shape,
}

#[derive(Debug, Clone)]
pub enum Shape {
    /// A type of `wire`: its name, and how to get its component and those it refers to.
    Type {
        name: Cow<'static, str>,
        components: fn() -> Map<String, Value>,
    },
    /// A page of them.
    Page {
        name: Cow<'static, str>,
        components: fn() -> Map<String, Value>,
    },
    /// A form: the part `job` is the type, every other part a file.
    Form {
        name: Cow<'static, str>,
        components: fn() -> Map<String, Value>,
    },
    /// Any object: a document of the language.
    Object,
    Text,
    Bytes,
}

pub(crate) fn json<T: ToSchema>() -> Content {
    let schema = Shape::Type { name: T::name(), components: openapi::components_of::<T> };
    Content { media_type: "application/json", schema }
}

pub(crate) fn page<T: ToSchema>() -> Content {
    let schema = Shape::Page { name: T::name(), components: openapi::components_of::<T> };
    Content { media_type: "application/json", schema }
}

pub(crate) fn form<T: ToSchema>() -> Content {
    let schema = Shape::Form { name: T::name(), components: openapi::components_of::<T> };
    Content { media_type: "multipart/form-data", schema }
}

pub(crate) const fn object(media_type: &'static str) -> Content {
    Content { media_type, schema: Shape::Object }
}

pub(crate) const fn plain(media_type: &'static str) -> Content {
    Content { media_type, schema: Shape::Text }
}

pub(crate) const fn bytes(media_type: &'static str) -> Content {
    Content { media_type, schema: Shape::Bytes }
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub about: &'static str,
    pub content: Vec<Content>,
}

#[derive(Debug, Clone)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub tag: &'static str,
    pub summary: &'static str,
    pub query: Vec<Parameter>,
    pub headers: Vec<Parameter>,
    /// The forms its body may have; none where it takes no body.
    pub takes: Vec<Content>,
    /// The answers below 400; the others are problems.
    pub answers: Vec<Answer>,
    /// False where the body may be left out.
    pub body_required: bool,
    pub(super) serve: MethodRouter<App>,
}

macro_rules! methods {
    ($($function:ident: $method:ident;)+) => {$(
        pub(crate) fn $function<T: 'static>(
            path: &'static str,
            handler: impl Handler<T, App>,
            access: Access,
        ) -> Route {
            Route::new(Method::$method, path, access, on(MethodFilter::$method, handler))
        }
    )+};
}

methods! {
    get: GET;
    post: POST;
    put: PUT;
    patch: PATCH;
    delete: DELETE;
}

impl Route {
    fn new(method: Method, path: &'static str, access: Access, serve: MethodRouter<App>) -> Self {
        Self {
            method,
            path,
            access,
            tag: "",
            summary: "",
            query: Vec::new(),
            headers: Vec::new(),
            takes: Vec::new(),
            answers: Vec::new(),
            body_required: true,
            serve,
        }
    }

    pub(crate) fn about(self, tag: &'static str, summary: &'static str) -> Self {
        Self { tag, summary, ..self }
    }

    pub(crate) fn query(mut self, parameters: &[Parameter]) -> Self {
        self.query.extend_from_slice(parameters);
        self
    }

    pub(crate) fn headers(mut self, parameters: &[Parameter]) -> Self {
        self.headers.extend_from_slice(parameters);
        self
    }

    pub(crate) fn takes(mut self, content: Content) -> Self {
        self.takes.push(content);
        self
    }

    pub(crate) fn may_take(self, content: Content) -> Self {
        Self { body_required: false, ..self.takes(content) }
    }

    /// Several contents for one status: call it several times.
    pub(crate) fn answers(mut self, status: u16, about: &'static str, content: Content) -> Self {
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.content.push(content),
            None => self.answers.push(Answer { status, about, content: vec![content] }),
        }
        self
    }

    pub(crate) fn answers_nothing(mut self, status: u16, about: &'static str) -> Self {
        self.answers.push(Answer { status, about, content: Vec::new() });
        self
    }

    /// Whether the query may hold a parameter of this name.
    pub(super) fn knows_parameter(&self, name: &str) -> bool {
        self.query.iter().any(|parameter| match parameter.name.strip_suffix('.') {
            Some(_) => name.starts_with(parameter.name),
            None => name == parameter.name,
        })
    }

    /// As the description numbers operations: `get_v1_jobs_id`.
    pub fn id(&self) -> String {
        let words = self.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let words: Vec<&str> = words.collect();
        format!("{}_{}", self.method.as_str().to_ascii_lowercase(), words.join("_"))
    }
}
