//! Medians, ranges and ratios.

use crate::case::{Aim, Case, MAIN, Metric, Outcome, Peer};
use crate::series::Series;

/// The samples of one metric.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Summary {
    pub fn new(mut values: Vec<f64>) -> Option<Summary> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            (values[middle - 1] + values[middle]) / 2.0
        } else {
            values[middle]
        };
        Some(Summary {
            median,
            least,
            most,
        })
    }
}

impl Series {
    /// Returns the metrics of its samples that are in the tables, the main one first.
    pub fn metrics(&self) -> Vec<&Metric> {
        let measured = self.samples.iter().find_map(|outcome| match outcome {
            Outcome::Measured(metrics) => Some(metrics),
            Outcome::NotAvailable(_) => None,
        });
        let metrics = measured.into_iter().flatten();
        metrics.filter(|metric| !metric.aside).collect()
    }

    pub fn summary(&self, metric: &str) -> Option<Summary> {
        let values = self.samples.iter();
        Summary::new(
            values
                .filter_map(|outcome| Some(outcome.metric(metric)?.value))
                .collect(),
        )
    }

    /// Returns why there is no number.
    pub fn reason(&self) -> Option<&str> {
        self.samples.iter().find_map(|outcome| match outcome {
            Outcome::NotAvailable(why) => Some(why.as_str()),
            Outcome::Measured(_) => None,
        })
    }
}

/// All series of one case at one size.
pub struct Group<'a> {
    pub case: &'static Case,
    pub size: Option<u64>,
    pub series: Vec<&'a Series>,
}

/// Returns the groups of series, by case and size, in their order.
pub fn groups(all: &[Series]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for series in all {
        let same = |group: &&mut Group<'_>| {
            group.case.name == series.case.name && group.size == series.size
        };
        match groups.last_mut().filter(same) {
            Some(group) => group.series.push(series),
            None => groups.push(Group {
                case: series.case,
                size: series.size,
                series: vec![series],
            }),
        }
    }
    groups
}

impl Group<'_> {
    pub fn of(&self, peer: Peer) -> Option<&Series> {
        self.series
            .iter()
            .copied()
            .find(|series| series.peer == peer)
    }

    pub fn median(&self, peer: Peer, metric: &str) -> Option<f64> {
        Some(self.of(peer)?.summary(metric)?.median)
    }

    /// Returns why there is no number of a peer.
    pub fn reason(&self) -> Option<&str> {
        self.series.iter().find_map(|series| series.reason())
    }

    /// Returns the metrics that any of the peers has, the main one first.
    pub fn metrics(&self) -> Vec<&Metric> {
        let mut all = self.series.iter().map(|series| series.metrics());
        all.find(|metrics| !metrics.is_empty()).unwrap_or_default()
    }

    /// Returns a peer's number divided by another's: the median over the rounds.
    pub fn against(&self, peer: Peer, other: Peer, metric: &str) -> Option<f64> {
        Some(self.compared(peer, other, metric)?.median)
    }

    /// Returns a peer's number divided by another's. In each round the two were measured one right
    /// after the other, so other load affects both alike.
    pub fn compared(&self, peer: Peer, other: Peer, metric: &str) -> Option<Ratio> {
        let pairs = self.of(peer)?.samples.iter().zip(&self.of(other)?.samples);
        let ratios = pairs
            .filter_map(|(mine, its)| ratio(mine.metric(metric)?.value, its.metric(metric)?.value));
        Ratio::new(ratios.collect())
    }

    /// Returns the runtimes that are better than ours by more than 1 % and by more than the noise,
    /// the best one first, with our number divided by theirs.
    pub fn ahead_of_ours(&self, metric: &Metric) -> Vec<(Peer, f64)> {
        let others = self.series.iter().map(|series| series.peer);
        let others = others.filter(|&peer| peer != self.case.ours && peer != Peer::Epoll);
        let mut ahead: Vec<(Peer, f64)> = others
            .filter_map(|peer| {
                let ratio = self.compared(self.case.ours, peer, &metric.name)?;
                let ahead = if metric.lower_is_better {
                    ratio.median > 1.01
                } else {
                    ratio.median < 1.0 / 1.01
                };
                (ahead && !ratio.is_tie()).then_some((peer, ratio.median))
            })
            .collect();
        ahead.sort_by(|(_, a), (_, b)| {
            let order = b.total_cmp(a);
            if metric.lower_is_better {
                order
            } else {
                order.reverse()
            }
        });
        ahead
    }
}

/// The ratio of two peers over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    pub median: f64,
    /// The interval around the median: in 95 of 100 runs it holds the median of many rounds. With
    /// fewer than six ratios it is from the smallest to the largest, and is right less often.
    pub low: f64,
    pub high: f64,
}

impl Ratio {
    fn new(mut ratios: Vec<f64>) -> Option<Ratio> {
        ratios.sort_by(f64::total_cmp);
        let outer = outside(ratios.len());
        let (low, high) = (
            ratios.get(outer).copied(),
            ratios.iter().rev().nth(outer).copied(),
        );
        let median = Summary::new(ratios)?.median;
        Some(Ratio {
            median,
            low: low?,
            high: high?,
        })
    }

    /// Whether the two peers can't be distinguished: the interval contains 1.
    pub fn is_tie(&self) -> bool {
        self.low <= 1.0 && 1.0 <= self.high
    }

    /// Returns the ratio, and the interval if it is a tie.
    pub fn text(&self) -> String {
        let Ratio { median, low, high } = *self;
        match self.is_tie() {
            true => format!("{}, tie ({}-{})", short(median), short(low), short(high)),
            false => short(median),
        }
    }
}

/// Returns how many of `count` sorted values are outside of the interval, at each end: as many as
/// leave the median inside with a probability of 95 %, where each value is above it or below it
/// with the same probability.
fn outside(count: usize) -> usize {
    let mut outside = 0;
    let (mut ways, mut sum) = (1.0, 0.0);
    for below in 0..count / 2 {
        sum += ways;
        if 2.0 * sum / 2_f64.powi(count as i32) > 0.05 {
            break;
        }
        outside = below;
        ways *= (count - below) as f64 / (below + 1) as f64;
    }
    outside
}

fn ratio(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then_some(a / b)
}

/// An aim, and the number that was reached.
pub struct Reached {
    pub aim: String,
    pub reached: f64,
    pub met: bool,
}

/// Returns the aims of a case at one size. An aim about growth belongs to the larger size.
pub fn aims(group: &Group<'_>, all: &[Group<'_>]) -> Vec<Reached> {
    let aims = group.case.aims.iter();
    aims.filter_map(|aim| reached(aim, group, all)).collect()
}

fn reached(aim: &Aim, group: &Group<'_>, all: &[Group<'_>]) -> Option<Reached> {
    let lower_is_better = |name: &str| {
        let metrics = group.metrics().into_iter();
        let mut named = metrics.filter(|metric| name == MAIN || metric.name == name);
        named.next().is_none_or(|metric| metric.lower_is_better)
    };
    match *aim {
        Aim::Ratio {
            metric,
            at_most,
            of,
        } => {
            let reached = if lower_is_better(metric) {
                group.against(group.case.ours, of, metric)?
            } else {
                group.against(of, group.case.ours, metric)?
            };
            Some(Reached::at_most(
                if at_most == 1.0 {
                    format!("ahead of {}", of.title())
                } else {
                    format!("{} of {}", short(at_most), of.title())
                },
                reached,
                at_most,
            ))
        }
        Aim::OfBest { metric, at_most } => {
            let others = Peer::RUNTIMES.iter().filter(|&&peer| peer != Peer::Wakeful);
            let ratios = others.filter_map(|&peer| {
                if lower_is_better(metric) {
                    group.against(group.case.ours, peer, metric)
                } else {
                    group.against(peer, group.case.ours, metric)
                }
            });
            let reached = ratios.max_by(f64::total_cmp)?;
            let aim = if at_most == 1.0 {
                "never above the best peer".to_owned()
            } else {
                format!("{} of the best peer", short(at_most))
            };
            Some(Reached::at_most(aim, reached, at_most))
        }
        Aim::Absolute { metric, at_most } => {
            let ours = group.median(group.case.ours, metric)?;
            let unit = &group.of(group.case.ours)?.metrics().first()?.unit;
            Some(Reached::at_most(format!("{at_most} {unit}"), ours, at_most))
        }
        Aim::Growth { metric, from, to } => growth(metric, from, to, group, all),
    }
}

fn growth(
    metric: &str,
    from: u64,
    to: u64,
    group: &Group<'_>,
    all: &[Group<'_>],
) -> Option<Reached> {
    if group.size != Some(to) {
        return None;
    }
    let small = all
        .iter()
        .find(|other| other.case.name == group.case.name && other.size == Some(from))?;
    let of = |peer| ratio(group.median(peer, metric)?, small.median(peer, metric)?);
    let others = Peer::RUNTIMES.iter().filter(|&&peer| peer != Peer::Wakeful);
    let best = others.filter_map(|&peer| of(peer)).min_by(f64::total_cmp)?;
    let aim = format!("grows from {from} no more than the best peer: {best:.2}");
    Some(Reached::at_most(aim, of(Peer::Wakeful)?, best))
}

impl Reached {
    fn at_most(aim: String, reached: f64, at_most: f64) -> Reached {
        Reached {
            aim,
            reached,
            met: reached <= at_most,
        }
    }
}

/// Returns a number with three significant digits.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 {
        format!("{:.3e}", value)
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Iterations, Run, ahead, of_tokio};

    fn never(_: &Run) -> Outcome {
        Outcome::no_runtime()
    }

    static CASE: Case = Case {
        points: &[1_000, 1_000_000],
        iterations: Iterations::Fitted,
        aims: &[
            of_tokio(0.5),
            ahead(1.0, Peer::Monoio),
            Aim::OfBest {
                metric: MAIN,
                at_most: 1.0,
            },
            Aim::Growth {
                metric: MAIN,
                from: 1_000,
                to: 1_000_000,
            },
        ],
        ..Case::new("a/case", "A", "", never)
    };

    fn series(peer: Peer, size: u64, values: &[f64]) -> Series {
        let samples = values
            .iter()
            .map(|&value| Outcome::Measured(vec![Metric::new("time", "ns", value)]));
        Series {
            case: &CASE,
            size: Some(size),
            peer,
            n: 1,
            samples: samples.collect(),
        }
    }

    #[test]
    fn the_median_is_the_middle_of_an_odd_and_of_an_even_number_of_samples() {
        let odd = Summary::new(vec![9.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.least, odd.median, odd.most), (1.0, 2.0, 9.0));
        assert_eq!(Summary::new(vec![4.0, 1.0, 2.0, 9.0]).unwrap().median, 3.0);
        assert!(Summary::new(Vec::new()).is_none());
    }

    #[test]
    fn ratios_are_computed_within_a_round() {
        // The machine is slow in the second round, for both; the first has an outlier of one.
        let all = [
            series(Peer::Wakeful, 1_000, &[90.0, 40.0, 10.0]),
            series(Peer::Tokio, 1_000, &[20.0, 80.0, 20.0]),
        ];
        assert_eq!(
            groups(&all)[0].against(Peer::Wakeful, Peer::Tokio, MAIN),
            Some(0.5)
        );
    }

    #[test]
    fn the_interval_around_the_median_drops_as_many_ratios_as_it_may() {
        // From a table of the binomial distribution.
        let counts = [1, 3, 5, 6, 8, 9, 12, 15, 25].map(outside);
        assert_eq!(counts, [0, 0, 0, 0, 0, 1, 2, 3, 7]);
        let nine = (1..=9).map(|n| f64::from(n) / 5.0).collect();
        let ratio = Ratio::new(nine).unwrap();
        assert_eq!((ratio.low, ratio.median, ratio.high), (0.4, 1.0, 1.6));
        assert_eq!(ratio.text(), "1.00, tie (0.40-1.60)");
        assert!(Ratio::new(Vec::new()).is_none());
    }

    #[test]
    fn a_peer_whose_lead_is_in_the_noise_is_not_ahead() {
        let all = [
            series(Peer::Wakeful, 1_000, &[10.0, 12.0, 14.0]),
            series(Peer::Tokio, 1_000, &[11.0, 11.0, 11.0]),
            series(Peer::Monoio, 1_000, &[9.0, 10.0, 11.0]),
        ];
        let group = &groups(&all)[0];
        let time = Metric::new("time", "ns", 0.0);
        let tokio = group.compared(Peer::Wakeful, Peer::Tokio, MAIN).unwrap();
        assert!(tokio.median > 1.01 && tokio.is_tie());
        let ahead = group.ahead_of_ours(&time).into_iter();
        assert_eq!(
            ahead.map(|(peer, _)| peer).collect::<Vec<_>>(),
            [Peer::Monoio]
        );
    }

    #[test]
    fn a_better_peer_has_less_or_more_depending_on_the_metric() {
        let all = [
            series(Peer::Wakeful, 1_000, &[10.0]),
            series(Peer::Tokio, 1_000, &[5.0]),
            series(Peer::Monoio, 1_000, &[20.0]),
            series(Peer::Compio, 1_000, &[9.95]),
        ];
        let group = &groups(&all)[0];
        let time = Metric::new("time", "ns", 0.0);
        assert_eq!(group.ahead_of_ours(&time), [(Peer::Tokio, 2.0)]);
        let rate = time.higher_is_better();
        assert_eq!(group.ahead_of_ours(&rate), [(Peer::Monoio, 0.5)]);
    }

    #[test]
    fn aims_are_checked_at_each_size_and_growth_at_the_last() {
        let all = [
            series(Peer::Wakeful, 1_000, &[4.0]),
            series(Peer::Tokio, 1_000, &[10.0]),
            series(Peer::Monoio, 1_000, &[5.0]),
            series(Peer::Wakeful, 1_000_000, &[8.0]),
            series(Peer::Tokio, 1_000_000, &[10.0]),
            series(Peer::Monoio, 1_000_000, &[5.0]),
        ];
        let groups = groups(&all);
        let met = |group| -> Vec<bool> {
            let aims = aims(group, &groups).into_iter();
            aims.map(|aim| aim.met).collect()
        };
        assert_eq!(met(&groups[0]), [true, true, true]);
        assert_eq!(met(&groups[1]), [false, false, false, false]);
    }

    #[test]
    fn a_peer_without_support_has_a_reason_and_no_number() {
        let mut none = series(Peer::Smol, 1_000, &[]);
        none.samples.push(Outcome::not_available("not supported"));
        assert_eq!(none.reason(), Some("not supported"));
        assert!(none.summary(MAIN).is_none());
        assert!(none.metrics().is_empty());
    }
}
