//! The standard streams.

use crate::io::{Stderr, Stdin, Stdout};

crate::__tokio_read! {
    Stdin, ();
}

crate::__tokio_write! {
    Stdout, (), true;
    Stderr, (), true;
}
