async fn run() -> u8 {
    wakeful::select! {
        x = std::future::ready(1u8) => x,
        x = std::future::ready("text") => x,
    }
}

fn main() {}
