//! What differs between two documents, place by place.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::wire::document::Change;

/// More than anybody reads; the rest is told as one change of the whole.
const MAX_CHANGES: usize = 200;

pub(crate) fn changes(before: Option<&Value>, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", before, Some(after), &mut found);
    if found.len() > MAX_CHANGES {
        return vec![Change { pointer: String::new(), before: before.cloned(), after: Some(after.clone()) }];
    }
    found
}

fn compare(pointer: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                let place = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                compare(&place, before.get(key), after.get(key), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for index in 0..before.len().max(after.len()) {
                compare(&format!("{pointer}/{index}"), before.get(index), after.get(index), found);
            }
        }
        (before, after) => {
            found.push(Change { pointer: pointer.to_owned(), before: before.cloned(), after: after.cloned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_place_that_differs_is_named_once() {
        let before = json!({"name": "w", "steps": [{"key": "a"}, {"key": "b"}], "a/b": 1});
        let after = json!({"name": "w", "steps": [{"key": "a"}, {"key": "c"}, {"key": "d"}]});
        let found = changes(Some(&before), &after);
        let places: Vec<&str> = found.iter().map(|change| change.pointer.as_str()).collect();
        assert_eq!(places, ["/a~1b", "/steps/1/key", "/steps/2"]);
        assert_eq!(found[1].after, Some(json!("c")));
        assert!(changes(Some(&after), &after).is_empty());
        assert_eq!(changes(None, &after).len(), 1);
    }
}
