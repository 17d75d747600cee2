//! Tests of the parts that need no socket.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use wakeful::time::Instant;

use super::cache::{Cache, Document, FRESH};
use super::files::{self, Description, Found};
use super::head::{Method, Request, Version, parse};
use super::status::Status;
use super::target::{Target, resolve, with_slash};

fn read(head: &str) -> Result<Request, Status> {
    let bytes = format!("{head}\r\n\r\nrest");
    for end in (0..bytes.len() - 4).step_by(1 + bytes.len() / 500) {
        match parse(&bytes.as_bytes()[..end]) {
            Ok(None) => {}
            Ok(Some(_)) => panic!("complete after {end} bytes: {head}"),
            Err(early) => return Err(early),
        }
    }
    let (request, length) = parse(bytes.as_bytes())?.expect("it is complete");
    assert_eq!(length, bytes.len() - 4);
    Ok(request)
}

#[test]
fn a_plain_request() {
    let request = read("GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5").unwrap();
    assert_eq!(request.method, Method::Get);
    assert_eq!(request.path, "/a%20b");
    assert_eq!(request.version, Version::Http11);
    assert!(request.keep_alive && !request.expects_continue);
    assert_eq!(request.body, 5);
}

#[test]
fn a_connection_persists_unless_version_or_fields_say_close() {
    let keep = |head: &str| read(head).unwrap().keep_alive;
    assert!(keep("GET / HTTP/1.1\r\nHost: x"));
    assert!(!keep("GET / HTTP/1.1\r\nHost: x\r\nConnection: TE, Close"));
    assert!(!keep("GET / HTTP/1.0"));
    assert!(keep("GET / HTTP/1.0\r\nConnection: Keep-Alive"));
    assert!(!keep("GET / HTTP/1.0\r\nConnection: keep-alive, close"));
}

#[test]
fn malformed_and_oversized_heads_are_refused() {
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: x", "a".repeat(9000));
    let long_field = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "a".repeat(17_000));
    let many_fields = format!("GET / HTTP/1.1\r\nHost: x{}", "\r\nA: b".repeat(64));
    let cases = [
        ("GET / HTTP/1.1", Status::BadRequest),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y", Status::BadRequest),
        ("GET / HTTP/2.0\r\nHost: x", Status::VersionNotSupported),
        ("GET nowhere HTTP/1.1\r\nHost: x", Status::BadRequest),
        ("GET * HTTP/1.1\r\nHost: x", Status::BadRequest),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +5",
            Status::BadRequest,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: ",
            Status::BadRequest,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6",
            Status::BadRequest,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
            Status::BadRequest,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked",
            Status::NotImplemented,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nExpect: cake",
            Status::ExpectationFailed,
        ),
        ("\u{16}\u{3}\u{1} hello", Status::BadRequest),
        (&long_target, Status::TargetTooLong),
        (&long_field, Status::HeadTooLarge),
        (&many_fields, Status::HeadTooLarge),
    ];
    for (head, status) in cases {
        assert_eq!(read(head), Err(status), "{head:.80}");
        let whole = format!("{head}\r\n\r\n");
        assert_eq!(parse(whole.as_bytes()), Err(status), "at once: {head:.80}");
    }
}

#[test]
fn other_methods_are_answered() {
    let method = |head: &str| read(head).unwrap().method;
    let refused = Method::Other(Status::MethodNotAllowed);
    assert_eq!(method("POST / HTTP/1.1\r\nHost: x"), refused);
    assert_eq!(method("OPTIONS * HTTP/1.1\r\nHost: x"), refused);
    let unknown = Method::Other(Status::NotImplemented);
    assert_eq!(method("BREW / HTTP/1.1\r\nHost: x"), unknown);
}

#[test]
fn an_absolute_target_is_reduced_to_its_path() {
    let path = |target: &str| {
        read(&format!("GET {target} HTTP/1.1\r\nHost: x"))
            .unwrap()
            .path
    };
    assert_eq!(path("HTTP://host:80/a/b?c"), "/a/b");
    assert_eq!(path("http://host"), "/");
    assert_eq!(path("http://host?/x"), "/");
}

#[test]
fn paths_stay_below_the_folder() {
    let good = |path: &str| {
        let target = resolve(path).unwrap();
        (target.path, target.is_folder)
    };
    assert_eq!(good("/"), (PathBuf::new(), true));
    assert_eq!(good("/a/b.txt"), (PathBuf::from("a/b.txt"), false));
    assert_eq!(good("//a/./b/"), (PathBuf::from("a/b"), true));
    assert_eq!(good("/%61%2Fb"), (PathBuf::from("a/b"), false));
    assert_eq!(good("/a%20%C3%A9"), (PathBuf::from("a é"), false));
    assert_eq!(
        good("/.well-known/x"),
        (PathBuf::from(".well-known/x"), false)
    );
    for bad in [
        "/..",
        "/../etc",
        "/a/../b",
        "/%2e%2E/etc",
        "/a%2f..%2fb",
        "/a%00",
        "/%",
        "/%4",
        "/%zz",
        "/%+1",
    ] {
        assert_eq!(resolve(bad), Err(Status::BadRequest), "{bad}");
    }
    for hidden in ["/.git/config", "/a/.b", "/%2egit", "/...", "/%ff"] {
        assert_eq!(resolve(hidden), Err(Status::NotFound), "{hidden}");
    }
}

#[test]
fn a_folder_without_a_slash_is_redirected() {
    let slash = |path: &str| with_slash(&resolve(path).unwrap());
    assert_eq!(slash("/a/b"), "./b/");
    assert_eq!(slash("//evil.example"), "./evil.example/");
    assert_eq!(slash("/a%0d%0aX:y"), "./a%0D%0AX%3Ay/");
}

/// A temporary folder for a test, which is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("wakeful-http-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path.canonicalize().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn find(root: &Path, path: &str) -> Result<Found, Status> {
    let target: Target = resolve(path)?;
    files::find(root, &target)
}

#[test]
fn files_and_folders_are_found() {
    let folder = Folder::new("files");
    let root = &folder.0;
    fs::create_dir(root.join("sub")).unwrap();
    fs::create_dir(root.join("bare")).unwrap();
    fs::write(root.join("sub/index.html"), "hi").unwrap();
    fs::write(root.join("large.bin"), vec![0; 70_000]).unwrap();
    let small = |path: &str| match find(root, path) {
        Ok(Found::Small(description, content)) => (description.media_type, content),
        _ => panic!("{path} is not a small file"),
    };
    assert_eq!(small("/sub/"), ("text/html; charset=utf-8", b"hi".to_vec()));
    assert_eq!(small("/sub/index.html").1, b"hi");
    assert!(matches!(find(root, "/sub"), Ok(Found::Folder)));
    assert!(matches!(
        find(root, "/large.bin"),
        Ok(Found::Large(Description { length: 70_000, .. }, _))
    ));
    for missing in [
        "/",
        "/none",
        "/bare/",
        "/sub/index.html/",
        "/sub/index.html/x",
    ] {
        assert!(
            matches!(find(root, missing), Err(Status::NotFound)),
            "{missing}"
        );
    }
    let long = format!("/{}", "a".repeat(300));
    assert!(matches!(find(root, &long), Err(Status::NotFound)));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_refused() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new("links");
    let root = folder.0.join("root");
    fs::create_dir(&root).unwrap();
    fs::write(folder.0.join("secret"), "s").unwrap();
    fs::create_dir(folder.0.join("root-beside")).unwrap();
    fs::write(folder.0.join("root-beside/index.html"), "s").unwrap();
    fs::write(root.join("inside"), "i").unwrap();
    symlink("../secret", root.join("out")).unwrap();
    symlink(&folder.0, root.join("up")).unwrap();
    symlink("../root-beside", root.join("beside")).unwrap();
    symlink("inside", root.join("in")).unwrap();
    fs::create_dir(root.join("sub")).unwrap();
    symlink("../../secret", root.join("sub/index.html")).unwrap();
    for out in ["/out", "/up/secret", "/beside/", "/sub/"] {
        assert!(matches!(find(&root, out), Err(Status::NotFound)), "{out}");
    }
    assert!(matches!(find(&root, "/in"), Ok(Found::Small(..))));
}

#[test]
fn the_cache_forgets_after_a_second_and_has_a_limit() {
    let document = |size: usize| {
        let description = Description {
            length: size as u64,
            media_type: "text/plain",
            modified: None,
        };
        let content = vec![0; size];
        Rc::new(Document {
            description,
            content,
        })
    };
    let mut cache = Cache::default();
    let now = Instant::now();
    cache.put("/a".to_string(), document(10), now);
    assert!(cache.get("/a", now).is_some());
    assert!(cache.get("/a", now + FRESH).is_none());
    assert!(cache.get("/b", now).is_none());
    // The size of the cache is limited, whatever the number of files.
    for name in 0..1000 {
        cache.put(format!("/{name}"), document(60_000), now);
    }
    let kept = (0..1000).filter(|name| cache.get(&format!("/{name}"), now).is_some());
    assert!(kept.count() * 60_000 <= 16 * 1024 * 1024);
    assert!(cache.get("/999", now).is_some());
}
