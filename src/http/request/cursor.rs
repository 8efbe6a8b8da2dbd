//! Cursors of lists: opaque to clients, so that what is in them may change.

use std::{fmt::Display, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub(crate) fn encode(position: &impl Display) -> String {
    URL_SAFE_NO_PAD.encode(position.to_string())
}

pub(crate) fn decode<T: FromStr>(cursor: &str) -> Result<T, String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let position = text.and_then(|text| text.parse().ok());
    position.ok_or_else(|| "this is no cursor of this list; take `next` of the page before as it is".to_owned())
}

/// Pages over what is all in memory, ordered by name: the cursor is the last name seen.
pub(crate) fn page_by_name<T>(
    mut items: Vec<T>,
    after: Option<&str>,
    limit: u32,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    items.retain(|item| after.is_none_or(|after| name(item).as_str() > after));
    items.sort_by_key(|item| name(item));
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| encode(&name(last)));
    (items, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JobId;

    #[test]
    fn a_cursor_comes_back_as_it_went_and_nothing_else_does() {
        let id = JobId::new(1, 2);
        assert_eq!(decode(&encode(&id)), Ok(id));
        for foreign in ["", "!", "am9iXw", "job_0"] {
            assert!(decode::<JobId>(foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn pages_go_on_where_the_last_one_ended() {
        let all = || ["b", "a", "c"].map(str::to_owned).to_vec();
        let (first, next) = page_by_name(all(), None, 2, Clone::clone);
        assert_eq!(first, ["a", "b"]);
        let after: String = decode(&next.unwrap()).unwrap();
        let (rest, next) = page_by_name(all(), Some(&after), 2, Clone::clone);
        assert_eq!((rest, next), (vec!["c".to_owned()], None));
    }
}
