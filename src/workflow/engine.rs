//! The template engine, set up once: strict, with limits, and with nothing that prints what a person would not type.

use std::io;
use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value as EngineValue};
use serde_json::Value;

use super::scope::Scope;
use super::template::{Reference, TemplateError};
use super::{filters, limits, markup};

/// Under which name the context carries the time; no template can spell it.
pub(super) const NOW: &str = "now ms";

const NULL_ADVICE: &str = "give it a text with default_if_null";
const LIST_ADVICE: &str = "make one text of it with join";
const OBJECT_ADVICE: &str = "name one of its properties";

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(limits::TEMPLATE_FUEL));
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        filters::install(&mut environment);
        environment.remove_global("debug");
        environment.remove_global("namespace");
        environment.set_formatter(|out, _, value| {
            let text = text_of(value).map_err(|kind| Error::new(ErrorKind::NonPrimitive, kind.name()))?;
            out.write_str(&text).map_err(Error::from)
        });
        environment
    })
}

/// Whether a text has anything in it that the engine would act on.
pub(super) fn has_markup(source: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| source.contains(mark))
}

/// The inside of a text that is one `{{ … }}` and nothing else, with the names it reads.
pub(super) fn whole(source: &str) -> Result<Option<(&str, Vec<Reference>)>, TemplateError> {
    let Some(inside) = source.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) else { return Ok(None) };
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside).trim();
    match environment().compile_expression(inside) {
        Ok(_) => check_expression(inside).map(|references| Some((inside, references))),
        Err(_) => Ok(None),
    }
}

pub(super) fn check_expression(source: &str) -> Result<Vec<Reference>, TemplateError> {
    let compiled = environment().compile_expression(source).map_err(|error| syntax(&error))?;
    markup::check_expression(source)?;
    Ok(references(compiled.undeclared_variables(true)))
}

pub(super) fn check_template(source: &str) -> Result<Vec<Reference>, TemplateError> {
    let compiled = environment().template_from_str(source).map_err(|error| syntax(&error))?;
    markup::check_template(source)?;
    Ok(references(compiled.undeclared_variables(true)))
}

fn references(names: impl IntoIterator<Item = String>) -> Vec<Reference> {
    let mut references: Vec<Reference> = names
        .into_iter()
        .map(|name| {
            let mut parts = name.split('.');
            let root = parts.next().unwrap_or_default().to_owned();
            Reference { root, property: parts.next().map(str::to_owned) }
        })
        .filter(|reference| !matches!(reference.root.as_str(), "range" | "dict"))
        .collect();
    references.sort();
    references
}

pub(super) fn evaluate(source: &str, scope: &Scope) -> Result<Value, TemplateError> {
    let value = compute(source, scope)?;
    if value.is_undefined() {
        return Err(TemplateError::Undefined { source_text: source.to_owned() });
    }
    let json = serde_json::to_value(&value).map_err(|error| failed(source, error.to_string()))?;
    if super::node::json_bytes(&json) > limits::TEMPLATE_OUTPUT_BYTES {
        return Err(too_large(source));
    }
    Ok(json)
}

pub(super) fn evaluate_text(source: &str, scope: &Scope) -> Result<String, TemplateError> {
    let text = text_of(&compute(source, scope)?).map_err(|kind| kind.error(source))?;
    if text.len() > limits::TEMPLATE_OUTPUT_BYTES { Err(too_large(source)) } else { Ok(text) }
}

pub(super) fn holds(source: &str, scope: &Scope) -> Result<bool, TemplateError> {
    let value = compute(source, scope)?;
    if value.is_undefined() {
        return Err(TemplateError::Undefined { source_text: source.to_owned() });
    }
    Ok(value.is_true())
}

fn compute(source: &str, scope: &Scope) -> Result<EngineValue, TemplateError> {
    let compiled = environment().compile_expression(source).map_err(|error| syntax(&error))?;
    compiled.eval(scope.context()).map_err(|error| at_run(source, &error))
}

pub(super) fn render(source: &str, scope: &Scope) -> Result<String, TemplateError> {
    let template = environment().template_from_str(source).map_err(|error| syntax(&error))?;
    let mut out = Limited(Vec::new());
    template.render_captured_to(scope.context(), &mut out).map_err(|error| at_run(source, &error))?;
    String::from_utf8(out.0).map_err(|_| failed(source, "yields bytes that are no text".to_owned()))
}

/// A buffer that refuses to grow beyond the limit.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > limits::TEMPLATE_OUTPUT_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What cannot stand inside text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotText {
    Missing,
    Null,
    List,
    Object,
}

impl NotText {
    const ALL: [Self; 4] = [Self::Missing, Self::Null, Self::List, Self::Object];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Missing => "not there",
            Self::Null => "null",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Missing | Self::Null => NULL_ADVICE,
            Self::List => LIST_ADVICE,
            Self::Object => OBJECT_ADVICE,
        }
    }

    fn error(self, source: &str) -> TemplateError {
        let source_text = source.to_owned();
        match self {
            Self::Missing => TemplateError::Undefined { source_text },
            kind => TemplateError::NotText { source_text, kind: kind.name(), advice: kind.advice() },
        }
    }
}

/// How a value looks in text. True and false as in JSON, never as in Python.
pub(super) fn text_of(value: &EngineValue) -> Result<String, NotText> {
    match value.kind() {
        ValueKind::Undefined => Err(NotText::Missing),
        ValueKind::None => Err(NotText::Null),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number | ValueKind::String => Ok(value.to_string()),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Bytes => Err(NotText::List),
        _ => Err(NotText::Object),
    }
}

fn syntax(error: &Error) -> TemplateError {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    TemplateError::Syntax(detail)
}

fn at_run(source: &str, error: &Error) -> TemplateError {
    let source_text = source.to_owned();
    let detail = error.detail().unwrap_or_default();
    if let Some(reason) = filters::reason(detail) {
        return failed(source, reason.to_owned());
    }
    match error.kind() {
        ErrorKind::UndefinedError => TemplateError::Undefined { source_text },
        ErrorKind::OutOfFuel => TemplateError::OutOfFuel { source_text },
        ErrorKind::WriteFailure => too_large(source),
        ErrorKind::NonPrimitive => match NotText::ALL.into_iter().find(|kind| kind.name() == detail) {
            Some(kind) => kind.error(source),
            None => failed(source, error.kind().to_string()),
        },
        // The engine's own details may repeat values, and a value may be a secret.
        ErrorKind::InvalidOperation => failed(source, "this cannot be computed from these values".to_owned()),
        kind => failed(source, kind.to_string()),
    }
}

fn too_large(source: &str) -> TemplateError {
    TemplateError::TooLarge { source_text: source.to_owned(), limit: limits::TEMPLATE_OUTPUT_BYTES }
}

fn failed(source: &str, reason: String) -> TemplateError {
    TemplateError::Failed { source_text: source.to_owned(), reason }
}
