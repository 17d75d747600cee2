//! The runtime of each peer, created as its documentation says, with a task that measures.
//!
//! The measuring future is a spawned task, except in `main`: most peers poll the future of
//! `block_on` in another way, and few programs do their work in it.

use std::future::Future;
use std::time::Duration;

pub fn wakeful<F: Future + 'static>(body: F) -> F::Output {
    wakeful::block_on(async { wakeful::spawn(body).await.unwrap() })
}

/// With spinning before each sleep, for the cases that need it.
pub fn wakeful_spinning<F: Future + 'static>(body: F) -> F::Output {
    let runtime = wakeful::Builder::new()
        .spin(Duration::from_micros(50))
        .build()
        .unwrap();
    runtime.block_on(async { wakeful::spawn(body).await.unwrap() })
}

pub fn tokio<F>(body: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    main::tokio(async { tokio::spawn(body).await.unwrap() })
}

pub fn tokio_local<F: Future + 'static>(body: F) -> F::Output {
    main::tokio_local(async { tokio::task::spawn_local(body).await.unwrap() })
}

/// Leaked, so that the tasks of the body can spawn on it.
pub type SmolExecutor = &'static smol::LocalExecutor<'static>;

pub fn smol<F: Future + 'static>(body: impl FnOnce(SmolExecutor) -> F) -> F::Output {
    let executor: SmolExecutor = Box::leak(Box::new(smol::LocalExecutor::new()));
    smol::block_on(executor.run(executor.spawn(body(executor))))
}

pub type SmolStaticExecutor = &'static async_executor::StaticLocalExecutor;

pub fn smol_static<F: Future + 'static>(body: impl FnOnce(SmolStaticExecutor) -> F) -> F::Output {
    let executor: SmolStaticExecutor = async_executor::LocalExecutor::new().leak();
    smol::block_on(executor.run(executor.spawn(body(executor))))
}

pub fn monoio<F: Future + 'static>(body: F) -> F::Output {
    main::monoio(async { monoio::spawn(body).await })
}

pub fn compio<F: Future + 'static>(body: F) -> F::Output {
    main::compio(async { compio::runtime::spawn(body).await.unwrap() })
}

/// Measures in the future of `block_on` itself. A smol executor runs it together with its tasks, in
/// `run`.
pub mod main {
    use std::future::Future;

    pub fn wakeful<F: Future>(body: F) -> F::Output {
        wakeful::block_on(body)
    }

    pub fn tokio<F: Future>(body: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(body)
    }

    pub fn tokio_local<F: Future>(body: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default())
            .unwrap();
        runtime.block_on(body)
    }

    pub fn smol<F: Future>(body: impl FnOnce(super::SmolExecutor) -> F) -> F::Output {
        let executor: super::SmolExecutor = Box::leak(Box::new(smol::LocalExecutor::new()));
        smol::block_on(executor.run(body(executor)))
    }

    pub fn smol_static<F: Future>(body: impl FnOnce(super::SmolStaticExecutor) -> F) -> F::Output {
        let executor: super::SmolStaticExecutor = async_executor::LocalExecutor::new().leak();
        smol::block_on(executor.run(body(executor)))
    }

    /// `FusionDriver`, which `#[monoio::main]` uses: `io_uring` where the kernel supports it.
    pub fn monoio<F: Future>(body: F) -> F::Output {
        let threads = monoio::blocking::DefaultThreadPool::new(4);
        let mut runtime = monoio::RuntimeBuilder::<monoio::FusionDriver>::new()
            .enable_timer()
            .attach_thread_pool(Box::new(threads))
            .build()
            .unwrap();
        runtime.block_on(body)
    }

    /// With the flags of `io_uring` that its documentation recommends for a single thread.
    pub fn compio<F: Future>(body: F) -> F::Output {
        let mut proactor = compio::driver::ProactorBuilder::new();
        proactor
            .single_issuer(true)
            .coop_taskrun(true)
            .taskrun_flag(true);
        let runtime = compio::runtime::RuntimeBuilder::new()
            .with_proactor(proactor)
            .build()
            .unwrap();
        runtime.block_on(body)
    }
}
