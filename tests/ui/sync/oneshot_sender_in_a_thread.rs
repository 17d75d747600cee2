//! A sender of the channels for one thread is moved to another thread.

use wakeful::sync::oneshot;

fn main() {
    let (sender, _receiver) = oneshot::channel::<i32>();
    std::thread::spawn(move || sender.send(1));
}
