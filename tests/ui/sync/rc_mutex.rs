use std::rc::Rc;
use wakeful::sync::Mutex;

fn main() {
    let mutex = Rc::new(Mutex::new(1));
    std::thread::spawn(move || drop(mutex));
}
