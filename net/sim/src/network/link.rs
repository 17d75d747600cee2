//! Links: how packets travel from one host to another.

use std::ops::RangeInclusive;
use std::time::Duration;

use wakeful_core::sim::Numbers;

use super::nanos;

/// Properties of the network between two hosts, in one direction.
///
/// ```
/// use std::time::Duration;
/// use wakeful_sim::Link;
///
/// let slow = Link::new()
///     .latency(Duration::from_millis(40)..=Duration::from_millis(60))
///     .bandwidth(1_000_000)
///     .loss(0.01);
/// # drop(slow);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a link does nothing until it is given to a simulation"]
pub struct Link {
    /// In nanoseconds.
    latency: (u64, u64),
    /// In bytes for each second; 0: unlimited.
    bandwidth: u64,
    loss: f64,
    duplication: f64,
    corruption: f64,
}

impl Default for Link {
    fn default() -> Link {
        Link::new()
    }
}

#[track_caller]
fn check(what: &str, probability: f64) {
    assert!(
        (0.0..=1.0).contains(&probability),
        "{what} of a link is {probability}: give a probability, from 0.0 to 1.0"
    );
}

impl Link {
    /// Returns a link without faults, with a latency of 0.5 to 1.5 milliseconds and unlimited
    /// bandwidth.
    pub fn new() -> Link {
        Link {
            latency: (500_000, 1_500_000),
            bandwidth: 0,
            loss: 0.0,
            duplication: 0.0,
            corruption: 0.0,
        }
    }

    /// Sets how long a packet travels. Each packet takes a time from the range, with equal
    /// probability. Datagrams may so be reordered; the packets of a TCP connection keep their
    /// order.
    ///
    /// # Panics
    ///
    /// If the range is empty.
    #[track_caller]
    pub fn latency(mut self, latency: RangeInclusive<Duration>) -> Link {
        assert!(
            !latency.is_empty(),
            "the latency of a link is {latency:?}, an empty range: write the shorter time first"
        );
        self.latency = (nanos(*latency.start()), nanos(*latency.end()));
        self
    }

    /// Sets how many bytes the link carries in a second. Packets that find it busy wait. Default:
    /// unlimited.
    ///
    /// # Panics
    ///
    /// If it is 0: nothing would arrive. To cut a link, use
    /// [`partition`](crate::Control::partition).
    #[track_caller]
    pub fn bandwidth(mut self, bytes_per_second: u64) -> Link {
        assert!(
            bytes_per_second > 0,
            "the bandwidth of a link is 0 bytes per second: give at least 1, or use `partition`"
        );
        self.bandwidth = bytes_per_second;
        self
    }

    /// Sets the probability that a packet is lost. TCP sends its packets again. Default: 0.
    ///
    /// # Panics
    ///
    /// If it is not from 0.0 to 1.0.
    #[track_caller]
    pub fn loss(mut self, probability: f64) -> Link {
        check("the loss", probability);
        self.loss = probability;
        self
    }

    /// Sets the probability that a datagram arrives twice. Default: 0.
    ///
    /// # Panics
    ///
    /// If it is not from 0.0 to 1.0.
    #[track_caller]
    pub fn duplication(mut self, probability: f64) -> Link {
        check("the duplication", probability);
        self.duplication = probability;
        self
    }

    /// Sets the probability that one bit of a datagram is flipped. Default: 0.
    ///
    /// # Panics
    ///
    /// If it is not from 0.0 to 1.0.
    #[track_caller]
    pub fn corruption(mut self, probability: f64) -> Link {
        check("the corruption", probability);
        self.corruption = probability;
        self
    }

    /// Returns the way of packets within a host.
    pub(super) fn loopback() -> Link {
        Link {
            latency: (10_000, 10_000),
            ..Link::new()
        }
    }

    pub(super) fn loses(&self, numbers: &Numbers) -> bool {
        happens(self.loss, numbers)
    }

    pub(super) fn duplicates(&self, numbers: &Numbers) -> bool {
        happens(self.duplication, numbers)
    }

    pub(super) fn corrupts(&self, numbers: &Numbers) -> bool {
        happens(self.corruption, numbers)
    }

    /// Returns how long a packet travels.
    pub(super) fn travel(&self, numbers: &Numbers) -> u64 {
        let (least, most) = self.latency;
        if least == most {
            return least;
        }
        least + numbers.below((most - least).saturating_add(1))
    }

    /// Returns how long the link is busy with this number of bytes.
    pub(super) fn transmission(&self, bytes: usize) -> u64 {
        if self.bandwidth == 0 {
            return 0;
        }
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.bandwidth);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

fn happens(probability: f64, numbers: &Numbers) -> bool {
    // No number is taken where nothing can happen.
    if probability == 0.0 {
        return false;
    }
    // 53 random bits are a number from 0.0 to 1.0, without 1.0.
    let number = (numbers.next() >> 11) as f64 / (1_u64 << 53) as f64;
    number < probability
}
