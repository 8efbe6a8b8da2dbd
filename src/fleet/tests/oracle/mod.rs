//! The fleet against an oracle: a second, naive account of the same rules, which says of every command what the answer is and
//! where every job and lease then stands.
//!
//! The oracle knows no index, class, event or timer wheel: it looks at everything each time. Where both agree over many random
//! histories, a mistake would have to be made twice, in two ways of thinking. `World` checks all invariants after every command.

mod commits;
mod ends;
mod model;
mod place;
mod play;
mod time;
