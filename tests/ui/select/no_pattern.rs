async fn run() -> u8 {
    wakeful::select! {
        std::future::ready(2u8) => 1,
    }
}

fn main() {}
