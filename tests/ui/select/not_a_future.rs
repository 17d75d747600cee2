async fn run() {
    wakeful::select! {
        () = std::future::ready(()) => {}
        x = 7 + 1 => drop(x),
    }
    wakeful::join!(std::future::ready(()), "text");
}

fn main() {}
