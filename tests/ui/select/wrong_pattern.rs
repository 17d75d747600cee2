async fn run() {
    wakeful::select! {
        Some(x) = std::future::ready(1u8) => drop(x),
    }
}

fn main() {}
