//! What the main future of a host may return.

use std::fmt;

/// Output of the main future of a host: `()`, a `Result` whose error ends the simulation, or that
/// of a loop without end.
pub trait Outcome {
    /// Returns the error as text.
    ///
    /// # Errors
    ///
    /// If the host has failed.
    fn into_result(self) -> Result<(), String>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: fmt::Display> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// The output of a function, to name `!`, which stable Rust allows only there.
pub trait Returns {
    /// The output.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

impl Outcome for <fn() -> ! as Returns>::Output {
    fn into_result(self) -> Result<(), String> {
        self
    }
}
