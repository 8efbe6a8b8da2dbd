//! What bulk requests under an `Idempotency-Key` were answered, for when they are sent again.
//!
//! Of this run of the controller. After a restart a request is done anew, which cancels what is still open and retries what was not
//! retried under the same key yet.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::problem::{ApiError, ApiResult, Code};
use crate::{
    fleet::Idempotency,
    ids::{Digest, TokenId},
};

/// Answers kept; the oldest goes.
const KEPT: usize = 100;

type Key = (TokenId, String, String);

#[derive(Debug, Clone, Default)]
pub(crate) struct BulkAnswers(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// None: under way.
    answers: BTreeMap<Key, (Digest, Option<Arc<Value>>)>,
    finished: VecDeque<Key>,
}

pub(crate) enum Begun {
    Before(Arc<Value>),
    Now(Turn),
}

/// A request under way. Dropped unfinished, it is forgotten, and may be sent again.
pub(crate) struct Turn {
    answers: BulkAnswers,
    key: Key,
}

impl BulkAnswers {
    pub(crate) fn begin(&self, token: TokenId, idempotency: Idempotency) -> ApiResult<Begun> {
        let key = (token, idempotency.route, idempotency.key);
        let mut inner = self.lock();
        match inner.answers.get(&key) {
            Some((body, _)) if *body != idempotency.body => Err(ApiError::new(
                Code::IdempotencyMismatch,
                "this Idempotency-Key was used with another body: use a new key, or send the first body again",
            )),
            Some((_, Some(answer))) => Ok(Begun::Before(Arc::clone(answer))),
            Some((_, None)) => Err(ApiError::new(
                Code::Conflict,
                "the request with this Idempotency-Key is still under way: ask again in a moment",
            )),
            None => {
                inner.answers.insert(key.clone(), (idempotency.body, None));
                drop(inner);
                Ok(Begun::Now(Turn { answers: self.clone(), key }))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    pub(crate) fn finish(self, answer: Arc<Value>) {
        let mut inner = self.answers.lock();
        if let Some((_, kept)) = inner.answers.get_mut(&self.key) {
            *kept = Some(answer);
        }
        inner.finished.push_back(self.key.clone());
        if inner.finished.len() > KEPT
            && let Some(oldest) = inner.finished.pop_front()
        {
            inner.answers.remove(&oldest);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut inner = self.answers.lock();
        if inner.answers.get(&self.key).is_some_and(|(_, answer)| answer.is_none()) {
            inner.answers.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(body: &str) -> Idempotency {
        Idempotency { route: "POST /v1/jobs/bulk".to_owned(), key: "k".to_owned(), body: Digest::of(body.as_bytes()) }
    }

    #[test]
    fn a_key_is_answered_once_and_forgotten_where_it_came_to_nothing() {
        let answers = BulkAnswers::default();
        let token = TokenId::from_raw(1);
        let Begun::Now(turn) = answers.begin(token, key("a")).unwrap() else { panic!("it is new") };
        assert_eq!(answers.begin(token, key("a")).err().unwrap().code, Code::Conflict);
        drop(turn);
        let Begun::Now(turn) = answers.begin(token, key("a")).unwrap() else { panic!("it came to nothing") };
        turn.finish(Arc::new(Value::from(7)));
        let Begun::Before(answer) = answers.begin(token, key("a")).unwrap() else { panic!("it was answered") };
        assert_eq!(*answer, 7);
        assert_eq!(answers.begin(token, key("b")).err().unwrap().code, Code::IdempotencyMismatch);
        assert!(matches!(answers.begin(TokenId::from_raw(2), key("b")), Ok(Begun::Now(_))), "keys are a token's own");
    }

    #[test]
    fn only_so_many_answers_are_kept() {
        let answers = BulkAnswers::default();
        let numbered = |number: usize| Idempotency { key: number.to_string(), ..key("a") };
        for number in 0..=KEPT {
            let Ok(Begun::Now(turn)) = answers.begin(TokenId::from_raw(1), numbered(number)) else { panic!("new") };
            turn.finish(Arc::new(Value::Null));
        }
        assert!(matches!(answers.begin(TokenId::from_raw(1), numbered(0)), Ok(Begun::Now(_))));
        assert!(matches!(answers.begin(TokenId::from_raw(1), numbered(KEPT)), Ok(Begun::Before(_))));
    }
}
