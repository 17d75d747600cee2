//! Reading into the free space of a `bytes::BufMut`, with Wakeful's sockets and with tokio's.

#[allow(clippy::duplicate_mod, reason = "the same tests for two runtimes")]
#[path = "net_bytes"]
mod on_wakeful {
    use wakeful::net;

    use super::run;

    mod same;
}

#[allow(clippy::duplicate_mod, reason = "the same tests for two runtimes")]
#[path = "net_bytes"]
mod on_tokio {
    use tokio::net;

    fn run(test: impl AsyncFn()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(test());
    }

    mod same;
}

use std::io::ErrorKind;

use wakeful::Runtime;
use wakeful::reactor::Backend;

/// Runs a test on each backend.
fn run(test: impl AsyncFn()) {
    for backend in [Backend::Raw, Backend::Portable] {
        match Runtime::builder().backend(backend).build() {
            Ok(runtime) => runtime.block_on(test()),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                println!("{backend:?} skipped: {error}");
            }
            Err(error) => panic!("{backend:?}: {error}"),
        }
    }
}
