//! Results of one case. The driver collects them, and the report shows them.

use crate::case::{Case, Outcome, Peer};

/// One case at one size for one peer, with the outcomes of its samples.
pub struct Series {
    pub case: &'static Case,
    pub size: Option<u64>,
    pub peer: Peer,
    /// Number of operations in a sample; 0 if the case could not be run.
    pub n: u64,
    pub samples: Vec<Outcome>,
}
