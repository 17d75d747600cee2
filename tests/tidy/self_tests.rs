//! Tests that each check complains about violations of its rule only.

use super::*;

/// Returns the lines of `text` that `check` complains about.
fn lines(check: fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<usize> {
    let complaints = check(&Source::new(path, text)).into_iter();
    let line = |complaint: String| {
        complaint
            .split(':')
            .nth(1)
            .and_then(|line| line.parse().ok())
    };
    complaints
        .map(|complaint| line(complaint).unwrap_or(0))
        .collect()
}

const NONE: [usize; 0] = [];

#[test]
fn a_system_that_is_named_outside_of_sys_is_found() {
    let text =
        "#[cfg(target_os = \"linux\")]\nmod a;\n// target_os\n#[cfg(target_vendor = \"apple\")]";
    assert_eq!(lines(systems, "net/src/tcp/socket.rs", text), [1, 4]);
    assert!(lines(systems, "net/src/sys/mod.rs", text).is_empty());
    assert!(lines(systems, "tests/process.rs", text).is_empty());
}

#[test]
fn reading_the_clock_elsewhere_is_found() {
    let path = "runtime/core/src/time/sleep.rs";
    assert_eq!(
        lines(clock, path, "\nlet now = std::time::Instant::now();"),
        [2]
    );
    assert_eq!(
        lines(
            clock,
            path,
            "use std::time::{Duration, Instant};\n\nInstant::now()"
        ),
        [3]
    );
    assert_eq!(lines(clock, path, "std::time::SystemTime::now()"), [1]);
    assert_eq!(lines(clock, path, "unsafe { _rdtsc() }"), [1]);
    assert_eq!(
        lines(clock, path, "use super::Instant; Instant::now()"),
        NONE
    );
    assert_eq!(
        lines(
            clock,
            path,
            "#[cfg(test)] fn f() { std::time::Instant::now(); }"
        ),
        NONE
    );
    assert_eq!(
        lines(
            clock,
            "runtime/core/src/time/clock.rs",
            "std::time::Instant::now()"
        ),
        NONE
    );
}

#[test]
fn features_outside_of_module_files_are_found() {
    let text = "#[cfg(feature = \"trace\")]\nlet a = cfg!(all(unix, feature = \"x\"));";
    assert_eq!(
        lines(features, "runtime/core/src/task/raw.rs", text),
        [1, 2]
    );
    assert_eq!(lines(features, "runtime/core/src/task/mod.rs", text), NONE);
    assert_eq!(
        lines(
            features,
            "runtime/core/src/task/raw.rs",
            "#[cfg(loom)] fn feature() {}"
        ),
        NONE
    );
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(
        lines(length, "net/src/tcp.rs", &"\n".repeat(MAX_LINES + 1)).len(),
        1
    );
    assert_eq!(
        lines(length, "net/src/tcp.rs", &"\n".repeat(MAX_LINES)),
        NONE
    );
    assert_eq!(
        lines(length, "tests/net.rs", &"\n".repeat(MAX_LINES + 1)),
        NONE
    );
}

#[test]
fn leftovers_are_found() {
    assert_eq!(
        lines(
            leftovers,
            "a.rs",
            "#[ignore]\nfn a() { todo!() }\ndbg!(1);\nunimplemented!()"
        ),
        [1, 2, 4, 3]
    );
    assert_eq!(
        lines(leftovers, "a.rs", concat!("\n// FIX", "ME: later")),
        [2]
    );
    assert_eq!(
        lines(
            leftovers,
            "a.rs",
            "#[ignore = \"needs a network\"] fn f() { my_todo!(); } // todo!()"
        ),
        NONE
    );
}

#[test]
fn gates_without_a_reason_are_found() {
    let gate = "#[cfg(target_os = \"linux\")]\nmod a;\n";
    assert_eq!(lines(gates, "tests/a.rs", gate), [1]);
    assert_eq!(lines(gates, "net/src/a.rs", gate), NONE);
    let reason = format!("// Linux only: seccomp.\n{gate}\n{gate}");
    assert_eq!(lines(gates, "tests/a.rs", &reason), [5]);
    let file = "#![cfg(target_os = \"linux\")]";
    assert_eq!(lines(gates, "tests/a.rs", file), [1]);
    let after_another_line = format!("#[test]\n{gate}// It uses seccomp.\n{gate}");
    assert_eq!(lines(gates, "tests/a.rs", &after_another_line), [2, 5]);
    let with_a_feature = "#[cfg(all(target_os = \"linux\", feature = \"a\"))]";
    assert_eq!(lines(gates, "tests/a.rs", with_a_feature), [1]);
}

#[test]
fn sleeps_are_found() {
    assert_eq!(
        lines(
            sleeps,
            "tests/a.rs",
            "std::thread::sleep(d);\nthread::sleep(d);"
        ),
        [1, 2]
    );
    assert_eq!(
        lines(sleeps, "tests/a.rs", "use std::{thread::{self, sleep}};"),
        [1]
    );
    assert_eq!(
        lines(
            sleeps,
            "runtime/core/src/a.rs",
            "#[cfg(test)] mod tests { use std::thread::sleep; }"
        ),
        [1]
    );
    assert_eq!(
        lines(
            sleeps,
            "tests/a.rs",
            "time::sleep(d).await; // thread::sleep"
        ),
        NONE
    );
}

#[test]
fn threads_are_found() {
    let text = "std::thread::spawn(f);\nthread::Builder::new();";
    assert_eq!(
        lines(threads, "runtime/core/src/runtime/mod.rs", text),
        [1, 2]
    );
    assert_eq!(
        lines(threads, "runtime/core/src/blocking/pool.rs", text),
        NONE
    );
    assert_eq!(
        lines(
            threads,
            "net/src/tcp.rs",
            "#[cfg(test)] fn f() { thread::spawn(g); }"
        ),
        NONE
    );
}

#[test]
fn unsafe_code_without_an_argument_is_found() {
    let path = "runtime/core/src/task/raw.rs";
    assert_eq!(
        lines(
            unsafe_code,
            path,
            "\nunsafe { f() };\nunsafe impl Send for A {}"
        ),
        [2, 3]
    );
    assert_eq!(
        lines(
            unsafe_code,
            path,
            "// SAFETY: one.\nunsafe { f() };\nunsafe { g() };"
        ),
        [3]
    );
    assert_eq!(
        lines(
            unsafe_code,
            path,
            "// SAFETY: long\n// words.\nlet a =\n    unsafe { f() };"
        ),
        NONE
    );
    assert_eq!(
        lines(
            unsafe_code,
            path,
            "unsafe fn f() {} // unsafe {\nstruct A(unsafe fn());"
        ),
        NONE
    );
    let literal = "// SAFETY: one.\nHandle {\n    waker: unsafe { f() },\n}";
    assert_eq!(lines(unsafe_code, path, literal), NONE);
    let function = "// SAFETY: one.\nfn f() -> Handle {\n    unsafe { f() }\n}";
    assert_eq!(lines(unsafe_code, path, function), [3]);
}

#[test]
fn ports_are_found() {
    let named = format!("bind(\"127.0.0.1:{}\")", 8080);
    assert_eq!(lines(ports, "tests/net.rs", &named), [1]);
    assert_eq!(
        lines(
            ports,
            "net/src/tcp.rs",
            &format!("#[cfg(test)] mod tests {{\nfn f() {{ {named} }}\n}}")
        ),
        [2]
    );
    assert_eq!(
        lines(
            ports,
            "net/src/tcp.rs",
            &format!("/// {named}\nfn f() {{ {named} }}")
        ),
        NONE
    );
    assert_eq!(
        lines(
            ports,
            "tests/net.rs",
            &format!("bind(\"127.0.0.1:0\") // {named}")
        ),
        NONE
    );
}
