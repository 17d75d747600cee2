//! A trace without a line of code: environment variables say where a program writes its trace.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use super::config::Config;
use super::level::Level;
use super::output::{FILE, Format, Output};
use super::{CAN_LISTEN, Recorder};

const LEVEL: &str = "WAKEFUL_TRACE_LEVEL";
const RATE: &str = "WAKEFUL_TRACE_RATE";
const SIGNAL: &str = "WAKEFUL_TRACE_SIGNAL";
/// The signals at which a trace may be written: by default they end a process or do nothing.
const SIGNALS: [&str; 4] = ["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGWINCH"];

impl Config {
    /// Returns the settings with those of the environment.
    pub(crate) fn with_environment(self) -> io::Result<Config> {
        let read = self.with_variables(|name| std::env::var_os(name));
        read.map_err(|sentence| io::Error::new(io::ErrorKind::InvalidInput, sentence))
    }

    fn with_variables(mut self, get: impl Fn(&str) -> Option<OsString>) -> Result<Config, String> {
        // A variable that is set and empty counts as not set.
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let Some(path) = get(FILE) else {
            let others = [LEVEL, RATE, SIGNAL].into_iter();
            let mut alone = others.filter(|name| get(name).is_some());
            return match alone.next() {
                Some(name) => Err(format!(
                    "{name} is set, and {FILE} is not: set {FILE} to the file to write, such as \
                     trace.html"
                )),
                None => Ok(self),
            };
        };
        let path = PathBuf::from(path);
        let format = match path.extension().and_then(|end| end.to_str()) {
            Some("html") => Format::Page,
            Some("json") => Format::Perfetto,
            Some("txt") => Format::Story,
            _ => {
                return Err(format!(
                    "{FILE} is {path:?}: give a file that ends with .html for a page, .json for \
                     Perfetto, or .txt for a text"
                ));
            }
        };
        let wrong = |name: &str, value: &OsString, give: &str| {
            Err(format!("{name} is {value:?}: give {give}"))
        };
        let level = get(LEVEL);
        match level.as_ref().map(|value| (value.to_str(), value)) {
            Some((Some("polls"), _)) => self.level = Level::Polls,
            Some((Some("wakes"), _)) => self.level = Level::Wakes,
            Some((Some("clones"), _)) => self.level = Level::Clones,
            Some((_, value)) => return wrong(LEVEL, value, "polls, wakes or clones"),
            None if self.level == Level::Off => self.level = Level::Clones,
            None => {}
        }
        if let Some(value) = get(RATE) {
            match value.to_str().map(str::parse) {
                Some(Ok(rate)) => self.rate = rate,
                _ => {
                    return wrong(
                        RATE,
                        &value,
                        "a number of events a second, or 0 for no limit",
                    );
                }
            }
        }
        let mut signal = None;
        if let Some(value) = get(SIGNAL) {
            let known = SIGNALS
                .into_iter()
                .find(|name| value.to_str() == Some(name));
            if known.is_none() {
                return wrong(SIGNAL, &value, &format!("one of {}", SIGNALS.join(", ")));
            }
            if !CAN_LISTEN {
                return Err(format!(
                    "{SIGNAL} is {value:?}, but the program is built without the feature `signal` \
                     of wakeful: turn it on, or unset the variable"
                ));
            }
            signal = known;
        }
        self.output = Some(Output::new(path, format, signal));
        Ok(self)
    }
}

/// The environment's wishes. Owner thread only.
impl Recorder {
    /// Returns the name of the signal at which the trace is written.
    #[allow(dead_code, reason = "for builds with the feature `signal`")]
    pub(crate) fn signal(&self) -> Option<&'static str> {
        self.0.output.as_ref()?.signal()
    }

    /// Writes the trace at the end of the runtime, if the environment says where.
    pub(crate) fn write_at_end(&self) {
        self.write(0);
    }

    /// Writes the trace at a signal.
    #[allow(dead_code, reason = "for builds with the feature `signal`")]
    pub(crate) fn write_at_signal(&self) {
        self.write(self.0.writer.next_signal());
    }

    fn write(&self, signal: u32) {
        let Some(output) = &self.0.output else {
            return;
        };
        let runtime = self.0.writer.runtime();
        let path = output.path(runtime, signal);
        output.write(&path, &self.snapshot());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        Config::default().with_variables(|name| {
            let mut variables = variables.iter();
            let found = variables.find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn a_file_alone_turns_everything_on() {
        let config = read(&[(FILE, "a/run.html")]).unwrap();
        assert_eq!((config.level, config.rate), (Level::Clones, 0));
        let output = config.output.unwrap();
        assert_eq!((output.format(), output.signal()), (Format::Page, None));
        let all = [(FILE, "t.json"), (LEVEL, "polls"), (RATE, "5000")];
        let config = read(&all).unwrap();
        assert_eq!((config.level, config.rate), (Level::Polls, 5000));
        assert_eq!(config.output.unwrap().format(), Format::Perfetto);
        assert!(read(&[]).unwrap().output.is_none());
        assert!(read(&[(FILE, "")]).unwrap().output.is_none());
    }

    #[test]
    fn a_bad_value_is_an_error_that_names_it_and_says_what_to_give() {
        let file = (FILE, "run.html");
        for (variables, parts) in [
            (&[(FILE, "run")][..], ["\"run\"", ".html for a page"]),
            (&[(FILE, "run.exe")], ["\"run.exe\"", ".json for"]),
            (
                &[file, (LEVEL, "all")],
                ["\"all\"", "polls, wakes or clones"],
            ),
            (&[file, (RATE, "-1")], ["\"-1\"", "a number of events"]),
            (&[file, (SIGNAL, "KILL")], ["\"KILL\"", "SIGUSR2"]),
            (
                &[(LEVEL, "polls")],
                [LEVEL, "set WAKEFUL_TRACE to the file"],
            ),
        ] {
            let sentence = read(variables).unwrap_err();
            for part in parts {
                assert!(sentence.contains(part), "{part} in {sentence}");
            }
        }
    }

    #[test]
    fn each_runtime_and_each_signal_has_a_file_of_its_own() {
        let output = read(&[(FILE, "a/run.html")]).unwrap().output.unwrap();
        assert_eq!(output.path(1, 0), Path::new("a/run.html"));
        assert_eq!(output.path(2, 0), Path::new("a/run-2.html"));
        assert_eq!(output.path(3, 4), Path::new("a/run-3-signal-4.html"));
    }
}
