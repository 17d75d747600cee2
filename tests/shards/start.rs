//! Starting shards, and errors of the start.

use std::io;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::thread;

use wakeful::Shards;
use wakeful::shard::{Shard, ShardsError};

#[test]
fn each_shard_is_a_thread_with_its_own_runtime() {
    let (tell, told) = channel();
    let shards = Shards::builder()
        .shards(3)
        .thread_name("three")
        .on_each(move |shard| {
            let tell = tell.clone();
            async move {
                // A task of its own, which is not `Send`.
                let value = Rc::new(shard.id().index());
                let same = wakeful::spawn(async move { *value }).await.unwrap();
                let name = thread::current().name().unwrap().to_owned();
                tell.send((same, name, thread::current().id())).unwrap();
            }
        })
        .unwrap();
    assert_eq!(shards.count(), 3);
    shards.join().unwrap();
    let mut told: Vec<_> = told.iter().collect();
    told.sort_unstable_by_key(|&(index, ..)| index);
    let names: Vec<_> = told.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names, ["three-0", "three-1", "three-2"]);
    let threads: Vec<_> = told.iter().map(|&(.., id)| id).collect();
    assert!(threads[0] != threads[1] && threads[1] != threads[2] && threads[0] != threads[2]);
}

#[test]
fn the_default_is_one_shard_for_each_processor() {
    let shards = Shards::builder().build().unwrap();
    let processors = thread::available_parallelism().unwrap().get();
    assert_eq!(shards.count(), processors);
    shards.join().unwrap();
}

#[test]
fn zero_shards_are_an_error() {
    let error = Shards::builder().shards(0).build().unwrap_err();
    assert!(matches!(error, ShardsError::NoShards));
    assert_eq!(error.to_string(), "`shards(0)`: give at least 1");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
}

// Linux only, as `pin`: macOS can't pin threads, and no other system is supported yet.
#[cfg(target_os = "linux")]
fn my_processors() -> std::collections::BTreeSet<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap();
    (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|&cpu| set.is_set(cpu))
        .collect()
}

// Linux only, as `pin`.
#[cfg(target_os = "linux")]
#[test]
fn pinned_shards_have_a_processor_each_among_those_of_the_process() {
    let allowed = my_processors();
    let count = allowed.len().min(4);
    let (tell, told) = channel();
    let shards = Shards::builder()
        .shards(count)
        .pin(true)
        .on_each(move |_| {
            let tell = tell.clone();
            async move { tell.send(my_processors()).unwrap() }
        })
        .unwrap();
    shards.join().unwrap();
    let mut all = std::collections::BTreeSet::new();
    for processors in told {
        assert_eq!(processors.len(), 1);
        all.extend(processors);
    }
    assert_eq!(all.len(), count);
    assert!(all.is_subset(&allowed));
    // This thread has its processors as before.
    assert_eq!(my_processors(), allowed);
}

// Linux only, as `pin`.
#[cfg(target_os = "linux")]
#[test]
fn a_process_may_be_restricted_to_some_processors() {
    // The processors of this thread are those that its shards may use.
    let allowed = my_processors();
    let last = *allowed.last().unwrap();
    thread::spawn(move || {
        let mut one = rustix::thread::CpuSet::new();
        one.set(last);
        rustix::thread::sched_setaffinity(None, &one).unwrap();
        let shards = Shards::builder().shards(1).pin(true).build().unwrap();
        let task = shards.spawn_on(0, || async { my_processors() });
        assert_eq!(wakeful::block_on(task).unwrap(), [last].into());
        shards.join().unwrap();
        let error = Shards::builder().shards(2).pin(true).build().unwrap_err();
        assert!(matches!(
            error,
            ShardsError::TooFewCpus { shards: 2, cpus: 1 }
        ));
        assert!(error.to_string().contains("Make fewer"), "{error}");
    })
    .join()
    .unwrap();
}

#[test]
fn each_runtime_is_created_by_the_users_function() {
    let shards = Shards::builder()
        .shards(2)
        .configure(|builder| builder.start_paused(true))
        .on_each(|_| async {
            // With the clock paused a day passes at once.
            let day = std::time::Duration::from_secs(86_400);
            let before = wakeful::time::Instant::now();
            wakeful::time::sleep(day).await;
            assert!(before.elapsed() >= day);
        })
        .unwrap();
    shards.join().unwrap();
}

#[test]
#[cfg(panic = "unwind")]
fn a_runtime_that_cannot_be_created_is_an_error_and_no_thread_is_left() {
    let (tell, told) = channel();
    let error = Shards::builder()
        .shards(3)
        .configure(move |builder| {
            tell.send(()).unwrap();
            if thread::current().name() == Some("wakeful-shard-1") {
                panic!("on purpose");
            }
            builder
        })
        .build()
        .unwrap_err();
    match &error {
        ShardsError::NotStarted { shard, .. } => assert_eq!(shard.index(), 1),
        other => panic!("{other:?}"),
    }
    assert!(error.to_string().starts_with("shard 1 can't be started"));
    // The third was not even started; when the last thread has ended, the closure is dropped.
    assert_eq!(told.iter().count(), 2);
}

#[test]
fn a_task_knows_its_shard_and_other_threads_have_none() {
    assert!(Shard::try_current().is_none());
    let shards = Shards::builder().shards(2).build().unwrap();
    let task = shards.spawn_on(1, || async {
        wakeful::spawn(async { Shard::current().id() })
            .await
            .unwrap()
    });
    assert_eq!(wakeful::block_on(task).unwrap().index(), 1);
    shards.join().unwrap();
}
