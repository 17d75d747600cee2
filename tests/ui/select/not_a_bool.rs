async fn run() {
    wakeful::select! {
        () = std::future::ready(()), if Some(1) => {}
    }
}

fn main() {}
