//! Parts of a blob: the `Range` header (RFC 9110), one range of bytes.

/// What to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    /// Both ends included; `last` is within the content.
    Part {
        first: u64,
        last: u64,
    },
    /// Nothing of the content lies in it.
    Outside,
}

/// Headers that are no range of bytes, or several ranges, are answered with the whole, as the standard allows.
pub(crate) fn wanted(header: Option<&str>, total_bytes: u64) -> Wanted {
    let Some((first, last)) = header.and_then(parse) else { return Wanted::Whole };
    let end = total_bytes.saturating_sub(1);
    match (first, last) {
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(first), _) if first >= total_bytes => Wanted::Outside,
        (Some(first), last) => Wanted::Part { first, last: last.unwrap_or(end).min(end) },
        (None, Some(0)) => Wanted::Outside,
        (None, Some(_)) if total_bytes == 0 => Wanted::Outside,
        (None, Some(length)) => Wanted::Part { first: total_bytes.saturating_sub(length), last: end },
        (None, None) => Wanted::Whole,
    }
}

/// `bytes=first-last`, either of which may be left out.
fn parse(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    Some((number(first.trim())?, number(last.trim())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_a_part_and_anything_else_the_whole() {
        let part = |first, last| Wanted::Part { first, last };
        let cases = [
            (None, 10, Wanted::Whole),
            (Some("bytes=0-3"), 10, part(0, 3)),
            (Some("bytes=4-"), 10, part(4, 9)),
            (Some("bytes=-3"), 10, part(7, 9)),
            (Some("bytes=-30"), 10, part(0, 9)),
            (Some("bytes=4-400"), 10, part(4, 9)),
            (Some("bytes=10-"), 10, Wanted::Outside),
            (Some("bytes=0-"), 0, Wanted::Outside),
            (Some("bytes=-0"), 10, Wanted::Outside),
            (Some("bytes=5-4"), 10, Wanted::Whole),
            (Some("bytes=0-1,3-4"), 10, Wanted::Whole),
            (Some("lines=0-1"), 10, Wanted::Whole),
            (Some("bytes=x-1"), 10, Wanted::Whole),
        ];
        for (header, total, expected) in cases {
            assert_eq!(wanted(header, total), expected, "{header:?} of {total}");
        }
    }
}
