//! Templates and expressions: compiled and evaluated without a panic, within their limits.

use deskfleet::workflow::{Expression, Scope, ScopeParts, Template};
use serde_json::{Value, json};

/// Far above what one template may yield.
const MAX_YIELD: usize = 1 << 22;

fn scope() -> Scope {
    let mut scope = Scope::new(&ScopeParts {
        input: json!({ "mrn": "0042", "n": 7, "none": null, "list": [1, "two", [3]], "deep": { "a": { "b": true } } }),
        files: json!({ "referral.pdf": { "path": "referral.pdf" } }),
        job: json!({ "id": "job_1", "attempt": 1, "labels": { "ticket": "4711" } }),
        machine: json!({ "name": "vm-07", "pool": "clinic", "labels": {} }),
        now_ms: 1_796_000_000_000,
    });
    scope.set_var("rows", json!([{ "id": 1, "text": "a\tb\nc" }, { "id": 2, "text": "ü" }]));
    scope.set_var("text", json!("12,5 kg am 03.04.2026"));
    scope
}

pub(crate) fn try_out(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let scope = scope();
    if let Ok(template) = Template::new(source) {
        assert_eq!(template.source(), source);
        if let Ok(text) = template.text(&scope) {
            assert!(text.len() <= MAX_YIELD, "{} bytes", text.len());
        }
        let first = template.evaluate(&scope);
        assert_eq!(first, template.evaluate(&scope), "the same scope gives the same value");
        template.whole_number(&scope).ok();
        if let Some(fixed) = template.fixed() {
            assert_eq!(template.evaluate(&scope), Ok(Value::String(fixed.to_owned())));
        }
    }
    if let Ok(expression) = Expression::new(source) {
        assert_eq!(expression.evaluate(&scope), expression.evaluate(&scope));
        expression.holds(&scope).ok();
    }
}
