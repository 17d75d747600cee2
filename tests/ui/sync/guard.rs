use wakeful::sync::Mutex;

fn main() {
    let mutex: &'static Mutex<u8> = Box::leak(Box::new(Mutex::new(1)));
    let guard = mutex.try_lock().unwrap();
    std::thread::spawn(move || drop(guard));
}
