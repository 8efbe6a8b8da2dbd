//! Templates: text with `{{ … }}` in it.

use std::sync::Arc;

use serde_json::Value;

use super::engine;
use super::scope::Scope;

/// A text that is fixed or a template that compiles.
#[derive(Clone, Debug)]
pub struct Template {
    source: Arc<str>,
    form: Form,
    references: Arc<[Reference]>,
}

#[derive(Clone, Debug)]
enum Form {
    /// No template at all.
    Fixed,
    /// One `{{ … }}` and nothing else: what is inside, an expression.
    Whole(Arc<str>),
    /// Templates among text, or blocks.
    Mixed,
}

/// A name that a template reads: `input.mrn` is root `input` with property `mrn`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    pub root: String,
    pub property: Option<String>,
}

/// Why a template or expression does not compile or has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{0}")]
    Syntax(String),
    #[error("unknown filter {name}{}", hint(.nearest.as_deref()))]
    UnknownFilter { name: String, nearest: Option<String> },
    #[error("`{source_text}` reads something that is not there; check the name, or use `is defined`")]
    Undefined { source_text: String },
    #[error("`{source_text}` is {kind}, which is no text; {advice}")]
    NotText { source_text: String, kind: &'static str, advice: &'static str },
    #[error("`{source_text}` yields more than {limit} bytes")]
    TooLarge { source_text: String, limit: usize },
    #[error("`{source_text}` takes too long to compute; make it simpler")]
    OutOfFuel { source_text: String },
    #[error("`{source_text}`: {reason}")]
    Failed { source_text: String, reason: String },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(", did you mean {name}")).unwrap_or_default()
}

impl Template {
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        let (form, references) = if !engine::has_markup(source) {
            (Form::Fixed, Vec::new())
        } else if let Some((inside, references)) = engine::whole(source)? {
            (Form::Whole(Arc::from(inside)), references)
        } else {
            (Form::Mixed, engine::check_template(source)?)
        };
        Ok(Self { source: Arc::from(source), form, references: Arc::from(references) })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text, when there is no template in it.
    pub fn fixed(&self) -> Option<&str> {
        matches!(self.form, Form::Fixed).then_some(&*self.source)
    }

    /// Whether it is one `{{ … }}` and nothing else, whose value keeps its type.
    pub fn is_whole(&self) -> bool {
        matches!(self.form, Form::Whole(_))
    }

    /// The names it reads.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Its value as text. Null, a list or an object is refused, in a whole template too.
    pub fn text(&self, scope: &Scope) -> Result<String, TemplateError> {
        match &self.form {
            Form::Fixed => Ok(self.source.to_string()),
            Form::Whole(inside) => engine::evaluate_text(inside, scope),
            Form::Mixed => engine::render(&self.source, scope),
        }
    }

    /// Its value: of any type when it is one whole template, else text.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, TemplateError> {
        match &self.form {
            Form::Fixed => Ok(Value::String(self.source.to_string())),
            Form::Whole(inside) => engine::evaluate(inside, scope),
            Form::Mixed => engine::render(&self.source, scope).map(Value::String),
        }
    }

    /// Its value as a whole number: a number without fraction, or text that is one.
    pub fn whole_number(&self, scope: &Scope) -> Result<i64, TemplateError> {
        let value = self.evaluate(scope)?;
        let number = match &value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| TemplateError::Failed {
            source_text: self.source.to_string(),
            reason: "a whole number is needed here".to_owned(),
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}
