async fn run() -> u8 {
    wakeful::select! {
        else => 1,
        x = std::future::ready(2u8) => x,
    }
}

fn main() {}
