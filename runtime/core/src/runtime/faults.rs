//! Deliberate faults: the option of the builder.

use super::builder::Builder;
use crate::faults::Plan;

impl Builder {
    /// Makes system calls fail on purpose, for tests; see [`faults`](crate::faults). Default: no
    /// faults.
    pub fn faults(mut self, plan: Plan) -> Builder {
        self.faults.plan = Some(plan);
        self
    }
}
