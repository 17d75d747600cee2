//! The pipes of children.

use crate::process::{ChildStderr, ChildStdin, ChildStdout};

crate::__tokio_read! {
    ChildStdout, ();
    ChildStderr, ();
}

crate::__tokio_write! {
    ChildStdin, (), true;
}
