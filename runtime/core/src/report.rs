//! Lines of the runtime on standard error.

/// Prints a line as `eprintln!` does, but does not panic if standard error is closed or full: a
/// report must not end the loop or a shutdown half way.
macro_rules! report {
    ($($line:tt)*) => {{
        use ::std::io::Write as _;
        let _ = ::std::writeln!(::std::io::stderr().lock(), $($line)*);
    }};
}

pub(crate) use report;
