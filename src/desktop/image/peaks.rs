//! Which of many neighbouring places count: the best of each neighbourhood.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::MAX_HITS;

/// A place with its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) score: f64,
}

/// A place with what its score cannot exceed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) at_most: f64,
}

/// Best first; of equal ones the bounds before the scores, then in reading order.
struct Entry {
    value: f64,
    is_score: bool,
    x: usize,
    y: usize,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = self.value.total_cmp(&other.value);
        by_value.then(other.is_score.cmp(&self.is_score)).then((other.y, other.x).cmp(&(self.y, self.x)))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

/// The best of each neighbourhood, best first, down to `least`; but always the very best. Scores are computed only as far as needed,
/// because a place is settled once nothing left can exceed it. Two places of a template of `size` are neighbours when they share more
/// than half of their width and of their height.
pub(super) fn best_of_each(
    candidates: impl IntoIterator<Item = Candidate>,
    size: (usize, usize),
    least: f64,
    mut score: impl FnMut(usize, usize) -> f64,
) -> Vec<Peak> {
    let mut heap: BinaryHeap<Entry> =
        candidates.into_iter().map(|one| Entry { value: one.at_most, is_score: false, x: one.x, y: one.y }).collect();
    let mut peaks: Vec<Peak> = Vec::new();
    while let Some(entry) = heap.pop() {
        if peaks.len() >= MAX_HITS || (!peaks.is_empty() && entry.value < least) {
            break;
        }
        if peaks.iter().any(|peak| are_neighbours((peak.x, peak.y), (entry.x, entry.y), size)) {
            continue;
        }
        if entry.is_score {
            peaks.push(Peak { x: entry.x, y: entry.y, score: entry.value });
        } else {
            heap.push(Entry { value: score(entry.x, entry.y), is_score: true, ..entry });
        }
    }
    peaks
}

pub(super) fn are_neighbours(a: (usize, usize), b: (usize, usize), size: (usize, usize)) -> bool {
    a.0.abs_diff(b.0) * 2 < size.0 && a.1.abs_diff(b.1) * 2 < size.1
}
