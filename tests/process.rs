//! Child processes: their outputs, their ends, and that they leave no zombies and descriptors.

#[path = "support/alone.rs"]
mod alone;
// Linux only: `/proc`, and pipes of packets.
#[cfg(target_os = "linux")]
#[path = "process/linux.rs"]
mod linux;
#[path = "support/net.rs"]
mod net;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use alone::{alone, descriptors};
use futures_util::future::join_all;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, WaitOptions, getpgid, getrlimit,
    kill_process, setrlimit, test_kill_process, waitid, waitpid,
};
use wakeful::process::{Child, Command};
use wakeful::time::timeout;
use wakeful::{Runtime, block_on};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null());
    command
}

/// A child that ends only when its standard input does.
fn patient() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command
}

fn exists(pid: u32) -> bool {
    test_kill_process(Pid::from_raw(pid as i32).unwrap()).is_ok()
}

fn is_zombie(pid: u32) -> bool {
    if cfg!(not(target_os = "linux")) {
        let mut ps = std::process::Command::new("ps");
        ps.args(["-o", "state=", "-p", &pid.to_string()]);
        return ps.output().unwrap().stdout.starts_with(b"Z");
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses.
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('Z'))
}

/// Runs the loop until the condition holds; `net::run` has the limit.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        net::turn().await;
    }
}

#[test]
fn outputs_and_statuses_are_returned() {
    net::run(async || {
        let output = sh("echo out; echo err >&2; exit 3").output().await.unwrap();
        assert_eq!(output.stdout, b"out\n");
        assert_eq!(output.stderr, b"err\n");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(sh("exit 7").status().await.unwrap().code(), Some(7));
        let killed = sh("kill -TERM $$").status().await.unwrap();
        assert_eq!(killed.signal(), Some(15));

        let mut child = sh("exit 4").spawn().unwrap();
        assert!(child.id().is_some());
        let first = child.wait().await.unwrap();
        assert_eq!(child.id(), None);
        assert_eq!(child.wait().await.unwrap(), first);
        assert_eq!(child.try_wait().unwrap(), Some(first));
        child.start_kill().unwrap();
        child.kill().await.unwrap();
    });
}

#[test]
fn options_of_std_are_used() {
    block_on(async {
        let mut command = sh("pwd; echo $A$B$C; echo $0");
        command.env_clear().env("PATH", "/usr/bin:/bin");
        command
            .env("A", "1")
            .envs([("B", "2"), ("C", "3")])
            .env_remove("C");
        command.current_dir("/").arg("name").process_group(0);
        let output = command.output().await.unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, "/\n12\nname\n");
        let mut child = patient().process_group(0).spawn().unwrap();
        let pid = Pid::from_raw(child.id().unwrap() as i32).unwrap();
        assert_eq!(getpgid(Some(pid)), Ok(pid), "the child is in its own group");
        child.kill().await.unwrap();
        assert_eq!(command.as_std().get_program(), "sh");
        assert!(!command.get_kill_on_drop());
        assert!(command.kill_on_drop(true).get_kill_on_drop());
    });
}

#[test]
fn ten_mebibytes_from_both_pipes_are_read() {
    const LEN: usize = 10 << 20;
    net::run(async || {
        // A child that writes to both in turn would wait forever for a reader of one after the
        // other.
        let script = "head -c 10485760 /dev/zero | tr '\\0' o | tee /dev/stderr";
        let output = sh(script).output().await.unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.len(), LEN);
        assert_eq!(output.stderr.len(), LEN);
        assert!(
            output
                .stdout
                .iter()
                .chain(&output.stderr)
                .all(|&byte| byte == b'o')
        );
    });
}

#[test]
fn ten_mebibytes_are_piped_through_a_child() {
    net::run(async || {
        let sent = net::pattern(10 << 20);
        let mut child = patient().stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let to_send = sent.clone();
        let writer = wakeful::spawn(async move {
            stdin.write_all(&to_send).await.unwrap();
            stdin.close().await.unwrap();
            let error = stdin.write(b"more").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
        let output = child.wait_with_output().await.unwrap();
        writer.await.unwrap();
        assert!(output.stdout == sent, "other bytes come back");
    });
}

#[test]
fn two_hundred_children_run_at_once() {
    net::run(async || {
        let children = (0..200).map(|n: i32| {
            let output = sh(&format!("echo {n}; exit {}", n % 100)).output();
            async move {
                let output = output.await.unwrap();
                assert_eq!(output.status.code(), Some(n % 100));
                assert_eq!(output.stdout, format!("{n}\n").as_bytes());
            }
        });
        join_all(children).await;
    });
}

#[test]
fn two_runtimes_have_children() {
    thread::scope(|scope| {
        for n in 0..2 {
            scope.spawn(move || {
                block_on(async {
                    for _ in 0..30 {
                        let status = sh(&format!("exit {n}")).status().await.unwrap();
                        assert_eq!(status.code(), Some(n));
                    }
                });
            });
        }
    });
}

#[test]
fn reads_and_writes_need_no_trait() {
    net::run(async || {
        let mut child = patient().stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut buf = [0; 16];
        let nothing = stdout.try_read(&mut buf).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        for word in ["one", "two", "three"] {
            assert_eq!(stdin.write(word.as_bytes()).await.unwrap(), word.len());
            let n = stdout.read(&mut buf).await.unwrap();
            assert_eq!(&buf[..n], word.as_bytes());
        }
        assert_eq!(stdin.try_write(b"four").unwrap(), 4);
        assert_eq!(stdout.read(&mut buf).await.unwrap(), 4);
        drop(stdin);
        assert_eq!(stdout.read(&mut buf).await.unwrap(), 0);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn the_output_of_one_child_is_the_input_of_the_next() {
    net::run(async || {
        let mut first = sh("printf 'b\\nc\\na\\n'")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe: Stdio = first.stdout.take().unwrap().try_into().unwrap();
        let mut second = Command::new("sort")
            .stdin(pipe)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe: Stdio = second.stdout.take().unwrap().try_into().unwrap();
        let output = Command::new("head")
            .args(["-n", "1"])
            .stdin(pipe)
            .output()
            .await
            .unwrap();
        assert_eq!(output.stdout, b"a\n");
        assert!(first.wait().await.unwrap().success());
        assert!(second.wait().await.is_ok());
    });
}

#[test]
fn a_pipe_converted_to_std_is_blocking() {
    net::run(async || {
        let mut child = patient().stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap().into_owned_fd().unwrap();
        let flags = rustix::fs::fcntl_getfl(&stdout).unwrap();
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
        let stdin = child.stdin.take().unwrap().into_owned_fd().unwrap();
        let flags = rustix::fs::fcntl_getfl(&stdin).unwrap();
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
        drop((stdin, stdout));
        child.wait().await.unwrap();
    });
}

#[test]
fn a_child_that_never_ends_can_be_killed() {
    net::run(async || {
        let mut child = sh("exec sleep 1000").spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        let waited = timeout(Duration::from_millis(10), child.wait()).await;
        assert!(waited.is_err());
        child.kill().await.unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));

        let mut child = sh("exec sleep 1000").spawn().unwrap();
        child.start_kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
    });
}

#[test]
fn kill_on_drop_kills_and_leaves_no_zombie() {
    net::run(async || {
        let child = Command::new("sleep")
            .arg("1000")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid = child.id().unwrap();
        drop(child);
        until(|| !exists(pid)).await;
    });
}

#[test]
fn a_dropped_child_continues_and_leaves_no_zombie() {
    net::run(async || {
        let mut child = patient().spawn().unwrap();
        let (pid, stdin) = (child.id().unwrap(), child.stdin.take().unwrap());
        drop(child);
        net::turn().await;
        assert!(exists(pid) && !is_zombie(pid));
        drop(stdin);
        until(|| !exists(pid)).await;
    });
}

#[test]
fn children_of_an_ended_runtime_leave_no_zombies() {
    alone("children_of_an_ended_runtime_leave_no_zombies", || {
        let start = async || {
            let mut child = patient().spawn().unwrap();
            let stdin = child.stdin.take().unwrap().into_owned_fd().unwrap();
            (child.id().unwrap(), stdin, child)
        };
        // Dropped inside of the runtime, so that a task waits, and outside, without a task.
        let runtime = Runtime::new().unwrap();
        let (inside, inside_stdin) = runtime.block_on(async {
            let (pid, stdin, child) = start().await;
            drop(child);
            (pid, stdin)
        });
        drop(runtime);
        let (outside, outside_stdin, child) = block_on(start());
        drop(child);
        assert!(exists(inside) && exists(outside));
        drop((inside_stdin, outside_stdin));
        while !(is_zombie(inside) && is_zombie(outside)) {
            thread::yield_now();
        }
        let status = block_on(async { sh("exit 5").status().await });
        assert_eq!(status.unwrap().code(), Some(5));
        assert!(!exists(inside) && !exists(outside));
    });
}

#[test]
fn a_child_may_be_dropped_in_another_runtime() {
    alone("a_child_may_be_dropped_in_another_runtime", || {
        let first = Runtime::new().unwrap();
        let mut child = first.block_on(async { patient().spawn().unwrap() });
        let pid = child.id().unwrap();
        let stdin = child.stdin.take().unwrap();
        block_on(async {
            drop(child);
            net::turn().await;
            assert!(exists(pid));
            drop(stdin);
            until(|| !exists(pid)).await;
        });
    });
}

#[test]
fn a_wait_after_the_end_of_the_runtime_is_an_error() {
    let runtime = Runtime::new().unwrap();
    let mut child: Child = runtime.block_on(async { sh("exec sleep 1000").spawn().unwrap() });
    drop(runtime);
    let error = block_on(child.wait()).unwrap_err();
    assert!(error.to_string().contains("has been dropped"), "{error}");
    child.start_kill().unwrap();
    while child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
}

#[test]
fn children_leave_no_descriptors_tasks_or_zombies() {
    alone("children_leave_no_descriptors_tasks_or_zombies", || {
        net::run(async || {
            let round = async || {
                for n in 0..20 {
                    sh("echo x; echo y >&2").output().await.unwrap();
                    let mut child = sh("cat").stdin(Stdio::piped()).spawn().unwrap();
                    child.wait().await.unwrap();
                    Command::new(format!("no-such-program-{n}"))
                        .spawn()
                        .unwrap_err();
                    drop(
                        Command::new("sleep")
                            .arg("1000")
                            .kill_on_drop(true)
                            .spawn()
                            .unwrap(),
                    );
                }
                // In this process all children are of this test, and no other test runs.
                until(childless).await;
            };
            round().await;
            let before = descriptors();
            round().await;
            assert_eq!(descriptors(), before);
        });
    });
}

/// Whether this process has no child, not even a zombie.
fn childless() -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::All, look).is_err_and(|error| error == rustix::io::Errno::CHILD)
}

#[test]
fn the_error_of_a_command_that_cannot_be_started_names_it() {
    net::run(async || {
        let error = Command::new("no-such-program").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = error.to_string();
        assert!(
            text.contains("`no-such-program`") && text.contains("PATH"),
            "{text}"
        );
        assert!(wakeful::raw_os_error(&error).is_some());
        let error = Command::new("no-such-program").output().await.unwrap_err();
        assert_eq!(error.to_string(), text);

        let error = sh("true")
            .current_dir("/no/such/directory")
            .status()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error
                .to_string()
                .contains("`/no/such/directory` does not exist"),
            "{error}"
        );

        let path = std::env::temp_dir().join(format!("wakeful-process-{}", std::process::id()));
        fs::write(&path, "#!/no/such/interpreter\n").unwrap();
        let refused = Command::new(&path).spawn().unwrap_err();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let uninterpreted = Command::new(&path).spawn().unwrap_err();
        fs::remove_file(&path).unwrap();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        assert!(refused.to_string().contains("may be executed"), "{refused}");
        assert_eq!(uninterpreted.kind(), ErrorKind::NotFound);
        assert!(
            uninterpreted.to_string().contains("interpreter"),
            "{uninterpreted}"
        );
        let nowhere = Command::new(&path).spawn().unwrap_err();
        assert!(
            nowhere.to_string().contains(path.to_str().unwrap()),
            "{nowhere}"
        );
    });
}

#[test]
fn without_descriptors_a_spawn_is_an_error() {
    alone("without_descriptors_a_spawn_is_an_error", || {
        let limit = Rlimit {
            current: Some(64),
            ..getrlimit(Resource::Nofile)
        };
        setrlimit(Resource::Nofile, limit).unwrap();
        net::run(async || {
            sh("true").status().await.unwrap();
            let mut files = Vec::new();
            while let Ok(file) = fs::File::open("/dev/null") {
                files.push(file);
            }
            // At first no child can be started; then one can, but without a descriptor for its
            // pidfd; in the end everything works.
            let mut failures = 0;
            let last = loop {
                match Command::new("true")
                    .stdin(Stdio::inherit())
                    .stdout(Stdio::piped())
                    .status()
                    .await
                {
                    Ok(status) => break status,
                    Err(_) => failures += 1,
                }
                files
                    .pop()
                    .expect("a spawn succeeds before all files are closed");
            };
            assert!(last.success());
            assert!(failures > 0);
            drop(files);
            until(childless).await;
        });
    });
}

#[test]
fn a_lost_status_is_an_error_with_the_reason() {
    net::run(async || {
        let mut child = sh("exit 3").spawn().unwrap();
        let pid = Pid::from_raw(child.id().unwrap() as i32);
        waitpid(pid, WaitOptions::empty()).unwrap();
        let error = child.wait().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("something else in it has waited"), "{text}");
    });
}

#[test]
fn outside_a_runtime_no_child_is_started() {
    let panic = std::panic::catch_unwind(|| drop(sh("true").spawn())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("runtime"), "{text}");
}

#[test]
fn a_signal_to_a_child_does_not_reach_the_parent() {
    net::run(async || {
        let mut children: Vec<_> = (0..5).map(|_| patient().spawn().unwrap()).collect();
        let third = children[2].id().unwrap();
        kill_process(Pid::from_raw(third as i32).unwrap(), Signal::TERM).unwrap();
        assert_eq!(children[2].wait().await.unwrap().signal(), Some(15));
        let mut output = String::new();
        for (n, child) in children.iter_mut().enumerate().filter(|(n, _)| *n != 2) {
            assert_eq!(child.try_wait().unwrap(), None, "child {n}");
            assert!(child.wait().await.unwrap().success());
        }
        let mut echo = sh("echo still here")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        echo.stdout
            .take()
            .unwrap()
            .read_to_string(&mut output)
            .await
            .unwrap();
        assert_eq!(output, "still here\n");
        echo.wait().await.unwrap();
    });
}
