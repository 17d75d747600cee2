use std::rc::Rc;
use wakeful::sync::Mutex;

fn main() {
    let mutex = Rc::new(Mutex::new(1));
    let guard = mutex.try_lock_owned().unwrap();
    std::thread::spawn(move || drop(guard));
}
