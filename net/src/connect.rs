//! Connecting to the first of several addresses that accepts, as in RFC 8305 ("happy eyeballs").
//!
//! The resolver sorts addresses by RFC 6724, so the first address is of the preferred family, which
//! is IPv6 if there is a route. After it the two families alternate, so that a family that does not
//! work costs one delay, not one delay for each of its addresses.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use wakeful_core::time::timeout;

use crate::addr::none_to_try;

/// Delay before the next attempt begins: the "Connection Attempt Delay" that the RFC recommends.
const DELAY: Duration = Duration::from_millis(250);

/// Sorts the addresses so that the two families alternate. It keeps the order within each, and
/// begins with the family of the first address.
pub(crate) fn by_turns(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addrs.first().map(SocketAddr::is_ipv6) else {
        return addrs;
    };
    let count = addrs.len();
    let (one, two): (Vec<_>, Vec<_>) = addrs.into_iter().partition(|addr| addr.is_ipv6() == first);
    let (mut one, mut two) = (one.into_iter(), two.into_iter());
    let mut sorted = Vec::with_capacity(count);
    while sorted.len() < count {
        sorted.extend(one.next());
        sorted.extend(two.next());
    }
    sorted
}

/// Begins an attempt with each address in turn, the next when one has failed or [`DELAY`] is over.
/// Returns the result of the first attempt that succeeds, and drops the others.
///
/// # Errors
///
/// Returns the error of the attempt that failed last, or `InvalidInput` without an address. The
/// error that an address is unreachable from this machine is returned only if all are.
pub(crate) async fn race<T, F>(
    addrs: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut addrs = addrs.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut error: Option<io::Error> = None;
    loop {
        attempts.extend(addrs.next().map(&attempt));
        let ended = match addrs.len() {
            0 => attempts.next().await,
            _ => match timeout(DELAY, attempts.next()).await {
                Ok(ended) => ended,
                Err(_elapsed) => continue,
            },
        };
        match ended {
            Some(Ok(value)) => return Ok(value),
            Some(Err(new)) => {
                if error
                    .as_ref()
                    .is_none_or(|old| no_way(old) || !no_way(&new))
                {
                    error = Some(new);
                }
            }
            None => return Err(error.unwrap_or_else(|| none_to_try("connect to"))),
        }
    }
}

/// Whether the error means that this machine can't try: it has no route or no address of that
/// family.
fn no_way(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::NetworkUnreachable | K::AddrNotAvailable | K::Unsupported
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::pending;
    use std::io::ErrorKind;

    use wakeful_core::Runtime;
    use wakeful_core::time::{Instant, sleep};

    use super::*;

    /// Address number `n` of a family, which is also its port.
    fn v4(n: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], n))
    }

    fn v6(n: u16) -> SocketAddr {
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], n))
    }

    #[test]
    fn families_alternate_and_the_first_address_stays_first() {
        let sort = |addrs: &[SocketAddr]| by_turns(addrs.to_vec());
        assert_eq!(sort(&[]), []);
        assert_eq!(sort(&[v4(1), v4(2)]), [v4(1), v4(2)]);
        assert_eq!(
            sort(&[v6(1), v6(2), v6(3), v4(4)]),
            [v6(1), v4(4), v6(2), v6(3)]
        );
        assert_eq!(
            sort(&[v4(1), v4(2), v6(3), v6(4), v6(5)]),
            [v4(1), v6(3), v4(2), v6(4), v6(5)]
        );
    }

    /// Behaviour of an address in a test.
    #[derive(Clone, Copy)]
    enum Does {
        Answer { after: u64 },
        Fail { after: u64, with: ErrorKind },
        Nothing,
    }

    use Does::{Answer, Fail, Nothing};

    /// Runs a race. Returns its result (the number of the address, or the error), when it ended,
    /// and when each attempt began. Times are in milliseconds of a paused clock.
    fn race_of(script: &[Does]) -> (Result<u16, ErrorKind>, u128, Vec<u128>) {
        let runtime = Runtime::builder().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let begin = Instant::now();
            let began = RefCell::new(Vec::new());
            let addrs = (0..script.len()).map(|n| v4(u16::try_from(n).unwrap()));
            let raced = race(addrs.collect(), async |addr: SocketAddr| {
                began.borrow_mut().push(begin.elapsed().as_millis());
                match script[usize::from(addr.port())] {
                    Answer { after } => {
                        sleep(Duration::from_millis(after)).await;
                        Ok(addr.port())
                    }
                    Fail { after, with } => {
                        sleep(Duration::from_millis(after)).await;
                        Err(with.into())
                    }
                    Nothing => pending().await,
                }
            });
            let outcome = raced.await.map_err(|error| error.kind());
            (outcome, begin.elapsed().as_millis(), began.take())
        })
    }

    #[test]
    fn an_attempt_begins_when_one_failed_or_after_250_ms() {
        let refused = Fail {
            after: 100,
            with: ErrorKind::ConnectionRefused,
        };
        // Without an answer, a new attempt begins every 250 ms, and the last one is awaited.
        let script = [Nothing, Nothing, refused, Answer { after: 900 }];
        assert_eq!(race_of(&script), (Ok(3), 1500, vec![0, 250, 500, 600]));
        // An address that answers late still wins, if it is the first to answer.
        let script = [Answer { after: 300 }, Answer { after: 100 }, Nothing];
        assert_eq!(race_of(&script), (Ok(0), 300, vec![0, 250]));
        // An address that answers within 250 ms is the only attempt.
        let script = [Answer { after: 249 }, Answer { after: 0 }];
        assert_eq!(race_of(&script), (Ok(0), 249, vec![0]));
        // A failure begins the next attempt at once, also a late one.
        let late = Fail {
            after: 300,
            with: ErrorKind::ConnectionRefused,
        };
        let script = [late, Nothing, Answer { after: 10 }];
        assert_eq!(race_of(&script), (Ok(2), 310, vec![0, 250, 300]));
    }

    #[test]
    fn the_last_error_is_returned_unless_it_says_unreachable() {
        let fail = |after, with| Fail { after, with };
        let refused = fail(10, ErrorKind::ConnectionRefused);
        let reset = fail(400, ErrorKind::ConnectionReset);
        let no_route = fail(0, ErrorKind::NetworkUnreachable);
        let error_of = |script: &[Does]| race_of(script).0.unwrap_err();
        assert_eq!(error_of(&[reset, refused]), ErrorKind::ConnectionReset);
        assert_eq!(error_of(&[refused, no_route]), ErrorKind::ConnectionRefused);
        assert_eq!(error_of(&[no_route, refused]), ErrorKind::ConnectionRefused);
        assert_eq!(
            error_of(&[no_route, no_route]),
            ErrorKind::NetworkUnreachable
        );
        assert_eq!(error_of(&[]), ErrorKind::InvalidInput);
    }
}
