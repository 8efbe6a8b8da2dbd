//! The nearest right name for a wrong one.

/// The candidate most like the word, when one is like it at all.
pub(super) fn nearest<'name>(word: &str, candidates: impl IntoIterator<Item = &'name str>) -> Option<&'name str> {
    let lower = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let other = candidate.to_ascii_lowercase();
            // Damerau sees swapped letters, Jaro-Winkler a common beginning.
            let swapped = strsim::normalized_damerau_levenshtein(&lower, &other);
            (swapped.max(strsim::jaro_winkler(&lower, &other) - 0.2), candidate)
        })
        .filter(|(score, _)| *score >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A list for messages: `a, b or c`.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_foreign_word_finds_none() {
        let names = ["click", "double_click", "screenshot", "timeout", "then"];
        assert_eq!(nearest("clcik", names), Some("click"));
        assert_eq!(nearest("Timeout", names), Some("timeout"));
        assert_eq!(nearest("screen_shot", names), Some("screenshot"));
        assert_eq!(nearest("retry", ["timeout", "retries"]), Some("retries"));
        assert_eq!(nearest("time", names), Some("timeout"));
        assert_eq!(nearest("banana", names), None);
        assert_eq!(one_of(&["a", "b", "c"]), "a, b or c");
    }
}
