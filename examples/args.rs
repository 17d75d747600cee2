//! Command lines: a few arguments in order, options with a value, `-h`.

use std::fmt::Display;
use std::process;
use std::str::FromStr;

/// Reads the arguments of the process. If one is wrong, prints an error that says what to give,
/// and exits with code 2.
///
/// # Examples
/// ```
/// use wakeful_examples::Args;
///
/// let mut args = Args::new("usage: serve [ADDRESS] [--limit N]", ["--limit", "7", "[::1]:80"]);
/// let limit: usize = args.option("--limit", 100);
/// let address = args.address("ADDRESS", "127.0.0.1:8000");
/// args.finish();
/// assert_eq!((limit, &*address), (7, "[::1]:80"));
/// ```
pub struct Args {
    usage: &'static str,
    rest: Vec<String>,
}

impl Args {
    /// Returns the arguments of this process. `-h` and `--help` print `usage` and exit.
    pub fn from_env(usage: &'static str) -> Args {
        let args = std::env::args_os().skip(1);
        Args::new(usage, args.map(|arg| arg.to_string_lossy().into_owned()))
    }

    /// Returns the given arguments. `-h` and `--help` among them print `usage` and exit.
    pub fn new<I>(usage: &'static str, args: I) -> Args
    where
        I: IntoIterator<Item: Into<String>>,
    {
        let rest: Vec<String> = args.into_iter().map(Into::into).collect();
        if rest.iter().any(|arg| arg == "-h" || arg == "--help") {
            println!("{usage}");
            process::exit(0);
        }
        Args { usage, rest }
    }

    /// Takes the value of the option `name`, for example of `--limit 7`. Take the options first:
    /// the remaining arguments are those in order.
    pub fn option<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> T {
        let found = take_option(&mut self.rest, name).and_then(|value| match value {
            Some(value) => parse(name, &value),
            None => Ok(default),
        });
        self.or_exit(found)
    }

    /// Takes the next argument in order.
    pub fn next<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> T {
        let found = match self.take_next() {
            Some(value) => parse(name, &value),
            None => Ok(default),
        };
        self.or_exit(found)
    }

    /// Takes the next argument in order, which must be the address of a socket.
    pub fn address(&mut self, name: &str, default: &str) -> String {
        let address = self.take_next().unwrap_or(default.to_string());
        let checked = check_address(&address).map_err(|error| format!("{name}: {error}"));
        self.or_exit(checked);
        address
    }

    /// Checks that no argument is left.
    pub fn finish(self) {
        let left = match self.rest.first() {
            Some(arg) => Err(format!("unexpected argument '{arg}'; remove it")),
            None => Ok(()),
        };
        self.or_exit(left);
    }

    fn take_next(&mut self) -> Option<String> {
        let is_option = self.rest.first()?.starts_with("--");
        (!is_option).then(|| self.rest.remove(0))
    }

    fn or_exit<T>(&self, found: Result<T, String>) -> T {
        found.unwrap_or_else(|sentence| {
            eprintln!("{sentence}\n{}", self.usage);
            process::exit(2)
        })
    }
}

fn take_option(rest: &mut Vec<String>, name: &str) -> Result<Option<String>, String> {
    let Some(at) = rest.iter().position(|arg| arg == name) else {
        return Ok(None);
    };
    rest.remove(at);
    if at == rest.len() {
        return Err(format!("{name} has no value; give one after it"));
    }
    Ok(Some(rest.remove(at)))
}

fn parse<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<T, String> {
    let parsed = value.parse();
    parsed.map_err(|error| format!("{name} cannot be '{value}': {error}"))
}

/// Checks that `address` is `HOST:PORT`.
///
/// # Errors
/// Returns what is wrong and what to write instead.
///
/// # Examples
/// ```
/// use wakeful_examples::check_address;
///
/// assert!(check_address("localhost:80").is_ok());
/// assert!(check_address("localhost").is_err());
/// ```
pub fn check_address(address: &str) -> Result<(), String> {
    let port = match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => port.parse::<u16>().ok(),
        _ => None,
    };
    match port {
        Some(_) => Ok(()),
        None => Err(format!(
            "'{address}' is not an address; give a host and a port, such as 127.0.0.1:7000"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["127.0.0.1:0", "localhost:65535", "[::1]:80"] {
            assert_eq!(check_address(good), Ok(()));
        }
        for bad in ["", ":", "80", ":80", "localhost:", "localhost:65536", "a:b"] {
            let sentence = check_address(bad).unwrap_err();
            assert!(sentence.contains(&format!("'{bad}'")), "{sentence}");
        }
    }

    #[test]
    fn options_may_be_in_any_place() {
        let mut args = Args::new("", ["a", "--limit", "7", "b"]);
        assert_eq!(args.option("--limit", 0), 7);
        assert_eq!(args.option("--other", 3), 3);
        assert_eq!(args.next("FIRST", String::new()), "a");
        assert_eq!(args.next("SECOND", String::new()), "b");
        assert_eq!(args.next("THIRD", "c".to_string()), "c");
        args.finish();
    }

    #[test]
    fn an_option_needs_a_value() {
        let mut rest = vec!["--limit".to_string()];
        assert!(take_option(&mut rest, "--limit").is_err());
    }

    #[test]
    fn a_bad_value_is_named() {
        let error = parse::<u16>("--limit", "many").unwrap_err();
        assert!(
            error.contains("--limit") && error.contains("'many'"),
            "{error}"
        );
    }
}
