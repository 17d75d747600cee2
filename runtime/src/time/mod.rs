//! Time: sleeping, timeouts, intervals, and a clock that tests can stop.
