async fn run() -> u8 {
    wakeful::select! {
        x = std::future::ready(1u8),
        y = std::future::ready(2u8) => y,
    }
}

fn main() {}
