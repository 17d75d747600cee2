//! The benchmarks are the targets of this package.
