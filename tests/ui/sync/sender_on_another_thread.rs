use wakeful::sync::mpsc;

fn main() {
    let (sender, _receiver) = mpsc::channel(1);
    std::thread::spawn(move || sender.try_send(1));
}
