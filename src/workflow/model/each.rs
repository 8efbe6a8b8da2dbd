//! `for_each`: the same steps for each item of a list.

use super::step::Step;
use crate::workflow::expression::Expression;
use crate::workflow::value::ValueTemplate;

#[derive(Clone, Debug)]
pub struct ForEach {
    pub items: Items,
    /// A variable that holds the item, as the root `item` does.
    pub store_as: Option<String>,
    /// Which item this is, in any attempt. Keys of one loop differ.
    pub key: Option<Expression>,
    /// What became of each key is kept over attempts, and what is done is not done again. Only with a `key`.
    pub checkpoint: bool,
    pub on_error: OnError,
    /// Computed when the steps for an item are done; null unless given.
    pub result: Option<ValueTemplate>,
    pub steps: Vec<Step>,
}

impl ForEach {
    /// The key, where what became of it is kept.
    pub fn kept_key(&self) -> Option<&Expression> {
        self.key.as_ref().filter(|_| self.checkpoint)
    }
}

#[derive(Clone, Debug)]
pub enum Items {
    Expression(Expression),
    List(ValueTemplate),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The first item that fails ends the loop, as failed.
    #[default]
    Stop,
    /// It is noted, and the next one comes.
    Continue,
}
