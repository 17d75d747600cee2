//! Faults on purpose, as the builder takes them.

use super::builder::Builder;
use crate::faults::Plan;

impl Builder {
    /// Makes things go wrong on purpose, for tests; see [`faults`](crate::faults). Default: nothing.
    pub fn faults(mut self, plan: Plan) -> Builder {
        self.faults.plan = Some(plan);
        self
    }
}
