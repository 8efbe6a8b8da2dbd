//! What a plain YAML scalar is, by the core schema of YAML 1.2: `yes`, `on` and `no` are text.

use serde_json::Number;

use super::node::Tree;

/// On refusal says why JSON cannot carry it.
pub(super) fn resolve(text: &str) -> Result<Tree, String> {
    let tree = match text {
        "" | "~" | "null" | "Null" | "NULL" => Tree::Null,
        "true" | "True" | "TRUE" => Tree::Bool(true),
        "false" | "False" | "FALSE" => Tree::Bool(false),
        text => match number(text) {
            None => Tree::Text(text.to_owned()),
            Some(number) => Tree::Number(number?),
        },
    };
    Ok(tree)
}

/// `None` when the text is no number by the core schema.
fn number(text: &str) -> Option<Result<Number, String>> {
    if let Some(digits) = text.strip_prefix("0x").filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Some(whole(u64::from_str_radix(digits, 16).ok(), text));
    }
    if let Some(digits) =
        text.strip_prefix("0o").filter(|d| !d.is_empty() && d.bytes().all(|b| (b'0'..b'8').contains(&b)))
    {
        return Some(whole(u64::from_str_radix(digits, 8).ok(), text));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(format!("{text} is a number that JSON cannot carry: put it in quotes if text is meant")));
    }
    let written = text.strip_prefix('+').unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(match (written.parse::<i64>(), written.parse::<u64>()) {
            (Ok(number), _) => Ok(number.into()),
            (_, Ok(number)) => Ok(number.into()),
            _ => Err(format!("{text} is a number too large to be kept exactly: put it in quotes if text is meant")),
        });
    }
    is_float(unsigned).then(|| {
        let number = written.parse::<f64>().ok().and_then(Number::from_f64);
        number.ok_or_else(|| format!("{text} is a number that JSON cannot carry"))
    })
}

fn whole(number: Option<u64>, text: &str) -> Result<Number, String> {
    number.map(Number::from).ok_or_else(|| format!("{text} is a number too large to be kept exactly"))
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, with a dot or an exponent.
fn is_float(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", after)) => digits(after),
        Some((before, after)) => digits(before) && (after.is_empty() || digits(after)),
        None => digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_yaml_1_1_are_text() {
        for word in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "N",
            "1_000",
            "0b11",
            "12:30:45",
            "2026-11-21",
            "1.2.3",
            "e5",
            ".",
            "-",
            "+",
            "0x",
            "0o9",
        ] {
            assert!(matches!(resolve(word), Ok(Tree::Text(text)) if text == word), "{word}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_core_schema() {
        for (written, number) in [
            ("0042", "42"),
            ("-7", "-7"),
            ("+7", "7"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("1.50", "1.5"),
            (".5", "0.5"),
            ("5.", "5.0"),
            ("1e3", "1000.0"),
        ] {
            assert!(matches!(resolve(written), Ok(Tree::Number(n)) if n.to_string() == number), "{written}");
        }
    }

    #[test]
    fn numbers_that_json_cannot_carry_are_refused() {
        for wrong in [".inf", "-.INF", ".nan", "1e999", "99999999999999999999"] {
            assert!(resolve(wrong).is_err(), "{wrong}");
        }
    }
}
