//! stand-in
use std::io;
use std::rc::Rc;
use std::sync::*;
use std::time::*;
#[derive(Clone, Debug)]
pub struct Notifier(Arc<(Mutex<bool>, Condvar)>);
impl Notifier {
    pub fn notify(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_one();
    }
}
#[derive(Clone, Debug)]
pub enum Backend {
    Auto,
}
#[derive(Debug)]
pub struct Reactor(Notifier, Instant);
pub struct Turn;
pub enum Wait {
    Poll,
    Park { auto_advance: bool },
}
pub struct St {
    pub waits: u64,
    pub events: u64,
    pub sources: usize,
    pub timers: usize,
}
impl Reactor {
    pub fn new(_: Backend) -> io::Result<Rc<Reactor>> {
        Ok(Rc::new(Reactor(
            Notifier(Default::default()),
            Instant::now(),
        )))
    }
    pub fn notifier(&self) -> Notifier {
        self.0.clone()
    }
    pub fn turn(&self, w: Wait) -> io::Result<Turn> {
        if let Wait::Park { .. } = w {
            let mut g = self.0.0.0.lock().unwrap();
            while !*g {
                g = self.0.0.1.wait(g).unwrap();
            }
            *g = false;
        }
        Ok(Turn)
    }
    pub fn look_at_clock(&self) -> Duration {
        self.1.elapsed()
    }
    pub fn last_look(&self) -> Duration {
        self.1.elapsed()
    }
    pub fn pause_clock(&self) {}
    pub fn shut_down(&self) {}
    pub fn stats(&self) -> St {
        St {
            waits: 0,
            events: 0,
            sources: 0,
            timers: 0,
        }
    }
}
pub mod current {
    pub struct G;
    pub fn enter(_: std::rc::Rc<super::Reactor>) -> G {
        G
    }
}
