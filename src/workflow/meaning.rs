//! What templates and expressions mean, as tables: written, and what it yields.

use serde_json::{Value, json};

use super::*;

/// 2026-11-21T08:30:00Z.
const NOW_MS: i64 = 1_795_249_800_000;

fn schema() -> InputSchema {
    InputSchema::new(json!({
        "type": "object",
        "properties": {
            "mrn": {"type": "string"}, "absent": {"type": "string"}, "copies": {"type": "integer", "default": 2},
            "yes": {"type": "boolean"}, "list": {"type": "array"}, "person": {"properties": {"born": {"type": "string"}}},
            "nothing": {}
        }
    }))
    .expect("a schema")
}

fn scope() -> Scope {
    let input = json!({"mrn": "0042", "yes": true, "list": [1, "b"], "person": {"name": "Ann"}, "nothing": null});
    let mut scope = Scope::new(&ScopeParts {
        input: schema().complete(&input),
        files: json!({"referral.pdf": {"path": "/tmp/referral.pdf"}}),
        job: json!({"id": "job_1", "attempt": 2}),
        machine: json!({"name": "vm-07"}),
        now_ms: NOW_MS,
    });
    scope.set_var("total", json!(12.5));
    scope.set_var("table", json!("name\tage\nAnn\t31\nBob\n"));
    scope
}

fn template(source: &str) -> Template {
    Template::new(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn value(source: &str) -> Value {
    template(source).evaluate(&scope()).unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[test]
fn one_whole_template_keeps_its_type() {
    for (written, yields) in [
        ("{{ input.mrn }}", json!("0042")),
        ("{{input.copies}}", json!(2)),
        ("{{- input.copies -}}", json!(2)),
        ("{{ input.yes }}", json!(true)),
        ("{{ input.absent }}", json!(null)),
        ("{{ input.nothing }}", json!(null)),
        ("{{ input.list }}", json!([1, "b"])),
        ("{{ input.list | map('string') | list }}", json!(["1", "b"])),
        ("{{ {'a': [1, {}]} }}", json!({"a": [1, {}]})),
        ("{{ '}} {{' }}", json!("}} {{")),
        ("{{ vars.total * 2 }}", json!(25.0)),
        ("{{ files['referral.pdf'].path }}", json!("/tmp/referral.pdf")),
        ("{{ input.person.born }}", json!(null)),
        (" {{ input.copies }}", json!(" 2")),
        ("{{ input.copies }}\n", json!("2\n")),
        ("{{ input.copies }}{{ input.copies }}", json!("22")),
        ("{{ 'a' }}-{{ 'b' }}", json!("a-b")),
        ("no template, { or }}", json!("no template, { or }}")),
    ] {
        assert_eq!(value(written), yields, "{written}");
    }
}

#[test]
fn text_has_no_words_of_a_programming_language_in_it() {
    for (written, yields) in [
        ("<{{ input.yes }}>", "<true>"),
        ("<{{ not input.yes }}>", "<false>"),
        ("{{ input.yes }}", "true"),
        ("{{ [true, 1, 'x'] | join(',') }}", "true,1,x"),
        ("{{ input.absent | default_if_null('-') }}", "-"),
        ("MRN {{ input.mrn }}, {{ input.copies }} copies", "MRN 0042, 2 copies"),
        ("{% if input.absent %}a{% else %}b{% endif %}", "b"),
        ("{% for item in input.list %}{{ loop.index }}{{ item }} {% endfor %}", "11 2b "),
    ] {
        assert_eq!(template(written).text(&scope()), Ok(yields.to_owned()), "{written}");
    }
}

#[test]
fn null_lists_and_objects_are_no_text() {
    for (written, told) in [
        ("Dear {{ input.absent }}", "default_if_null"),
        ("{{ input.absent }}", "default_if_null"),
        ("{{ input.list }}", "join"),
        ("a{{ input.list }}", "join"),
        ("a{{ input.person }}", "properties"),
        ("{{ input.absent | upper }}", "default_if_null"),
        ("{{ input.absent | string }}", "default_if_null"),
        ("{{ [none] | join(',') }}", "default_if_null"),
        ("x{{ input.list | trim }}", "join"),
        ("{{ 'a' | replace('a', input.absent) }}", "default_if_null"),
    ] {
        let error = template(written).text(&scope()).expect_err(written);
        assert!(error.to_string().contains(told), "{written}: {error}");
    }
}

#[test]
fn what_is_not_there_is_an_error_and_an_absent_optional_property_is_null() {
    for (written, holds) in [
        ("not input.absent", true),
        ("input.absent is none", true),
        ("input.yes and not input.nothing", true),
        ("input.list | length == 2", true),
        ("input.copies == 2", true),
        ("vars.missing is defined", false),
        ("'4' in input.mrn", true),
        ("input.mrn is startingwith('00')", true),
    ] {
        let expression = Expression::new(written).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(expression.holds(&scope()), Ok(holds), "{written}");
    }
    for written in ["vars.missing", "vars.missing == 1", "input.unknown", "vars.total.x", "job.labels.x"] {
        let expression = Expression::new(written).expect(written);
        assert!(matches!(expression.evaluate(&scope()), Err(TemplateError::Undefined { .. })), "{written}");
        assert!(expression.holds(&scope()).is_err(), "{written}");
    }
}

#[test]
fn our_filters_do_what_their_names_say() {
    for (written, yields) in [
        ("{{ 'now' | date }}", json!("2026-11-21")),
        ("{{ 'today' | date('%d.%m.%Y', days=-21) }}", json!("31.10.2026")),
        ("{{ 'now' | date('%H:%M', zone='+02:00') }}", json!("10:30")),
        ("{{ 'now' | date('%H:%M', hours=2) }}", json!("10:30")),
        ("{{ '2026-02-03' | date('%m/%d/%y') }}", json!("02/03/26")),
        ("{{ '2026-02-03T23:30:00-05:00' | date('%d %H:%M') }}", json!("03 23:30")),
        ("{{ '2026-02-03T23:30:00.250Z' | date('%H:%M') }}", json!("23:30")),
        ("{{ '2026-02-03 14:30' | date('%H') }}", json!("14")),
        ("{{ 0 | date }}", json!("1970-01-01")),
        ("{{ '03.02.26' | date(from='%d.%m.%y') }}", json!("2026-02-03")),
        ("{{ '1.234,50' | number(decimal=',') }}", json!(1234.5)),
        ("{{ '1,234' | number }}", json!(1234)),
        ("{{ '−5' | number }}", json!(-5)),
        ("{{ vars.total | number(places=2, decimal=',') }}", json!("12,50")),
        ("{{ -1234567 | number(places=0, group=' ') }}", json!("-1 234 567")),
        ("{{ -0.001 | number(places=2) }}", json!("0.00")),
        ("{{ 'a, b' | split(', ') }}", json!(["a", "b"])),
        ("{{ ' a  b ' | split }}", json!(["a", "b"])),
        ("{{ 'a=b=c' | split('=', 1) }}", json!(["a", "b=c"])),
        ("{{ 'a\r\nb\n' | lines }}", json!(["a", "b"])),
        ("{{ vars.table | tsv }}", json!([["name", "age"], ["Ann", "31"], ["Bob"]])),
        ("{{ vars.table | tsv(header=true) }}", json!([{"name": "Ann", "age": "31"}, {"name": "Bob", "age": null}])),
        ("{{ (vars.table | tsv(header=true))[0].age | number }}", json!(31)),
        ("{{ 'R-118 R-119' | regex('R-(\\d+)') }}", json!("118")),
        ("{{ 'R-118 R-119' | regex('R-\\d+', all=true) }}", json!(["R-118", "R-119"])),
        ("{{ 'none' | regex('R-\\d+') }}", json!(null)),
        ("{{ ' Ab ' | trim | upper }}", json!("AB")),
        ("{{ 'éa b' | capitalize }}", json!("Éa b")),
        ("{{ {'a': 1} | tojson }}", json!("{\"a\":1}")),
    ] {
        assert_eq!(value(written), yields, "{written}");
    }
    for wrong in [
        "{{ 'x' | number }}",
        "{{ '' | number }}",
        "{{ 'inf' | number }}",
        "{{ '31.02.2026' | date }}",
        "{{ 'now' | date('%') }}",
        "{{ 'now' | date(zone='Europe/Berlin') }}",
        "{{ 'now' | date(days=999999999) }}",
        "{{ 'now' | date(hours=9223372036854775807) }}",
        "{{ 1e300 | date }}",
        "{{ 'a' | regex('(') }}",
        "{{ 'now' | date(day=1) }}",
    ] {
        assert!(template(wrong).evaluate(&scope()).is_err(), "{wrong}");
    }
}

#[test]
fn every_filter_that_passes_the_reader_exists() {
    for name in filters::NAMES {
        let error = Template::new(&format!("{{{{ 1 | {name} }}}}")).expect(name).evaluate(&scope()).err();
        let told = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(!told.contains("unknown filter"), "{name}: {told}");
    }
}

#[test]
fn what_does_not_compile_is_told_when_it_is_read() {
    for (written, told) in [
        ("{{ input. }}", "unexpected"),
        ("{{ input.x", "unexpected"),
        ("{{ }}", "unexpected"),
        ("{{ a | uper }}", "did you mean upper"),
        ("{{ a | lines | frobnicate }}", "unknown filter frobnicate"),
        ("{% if a %}", "unexpected"),
        ("{{ 'x' ~ a }}", "join"),
        ("{{ a is number_like }}", "no test"),
        ("{% include 'x' %}", "unknown statement"),
        ("{{ a }} {{ b | dat }}", "did you mean date"),
    ] {
        let error = Template::new(written).expect_err(written).to_string();
        assert!(error.contains(told), "{written}: {error}");
    }
    assert!(
        Template::new("{{ 'a ~ b | c' }} {{ \"it's ~\" }} {# a | nothing ~ #} {% raw %}{{ x | y }}{% endraw %}")
            .is_ok()
    );
}

#[test]
fn no_template_runs_for_long_or_yields_too_much() {
    for written in [
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 9000000 }}",
        "{{ range(100000) | list | tojson * 100 }}",
        "a{{ 'x' * 9000000 }}",
        "{{ 'x' * 9000000000 }}",
    ] {
        let error = template(written).evaluate(&scope()).expect_err(written);
        assert!(!matches!(error, TemplateError::Syntax(_)), "{written}: {error}");
    }
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert!(Template::new(&deep).is_err());
}

#[test]
fn errors_name_the_template_and_never_a_value() {
    let mut scope = scope();
    scope.set_var("secret", json!("hunter2"));
    for written in [
        "{{ vars.secret + 1 }}",
        "{{ vars.secret | number }}",
        "{{ vars.secret | int }}",
        "{{ vars.secret | date }}",
        "{{ vars.secret() }}",
        "{{ vars.secret.x }}",
        "{{ -vars.secret }}",
    ] {
        let error = template(written).evaluate(&scope).expect_err(written).to_string();
        assert!(!error.contains("hunter2") && error.contains("vars.secret"), "{written}: {error}");
    }
}

#[test]
fn a_position_may_be_computed() {
    assert_eq!(template("{{ input.copies * 10 }}").whole_number(&scope()), Ok(20));
    assert_eq!(template("{{ '7' }}").whole_number(&scope()), Ok(7));
    assert_eq!(template("{{ 8 / 2 }}").whole_number(&scope()), Ok(4));
    for wrong in ["{{ 1 / 3 }}", "{{ input.absent }}", "x"] {
        assert!(template(wrong).whole_number(&scope()).is_err(), "{wrong}");
    }
}

#[test]
fn variables_are_seen_as_they_are_now_and_can_be_journaled() {
    let mut scope = scope();
    scope.set_var("total", json!({"a": [1]}));
    assert_eq!(template("{{ vars.total.a[0] }}").evaluate(&scope), Ok(json!(1)));
    assert_eq!(scope.vars()["total"], json!({"a": [1]}));
    assert_eq!(template("{{ vars }}").evaluate(&scope).map(|vars| vars["total"].clone()), Ok(json!({"a": [1]})));
    let outputs = ValueTemplate::List(vec![
        ValueTemplate::Constant(json!(null)),
        ValueTemplate::Map([("n".to_owned(), ValueTemplate::Text(template("{{ vars.total.a }}")))].into()),
    ]);
    assert_eq!(outputs.evaluate(&scope), Ok(json!([null, {"n": [1]}])));
}
