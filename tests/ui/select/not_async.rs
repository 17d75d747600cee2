fn run() -> u8 {
    wakeful::select! {
        x = std::future::ready(2u8) => x,
    }
}

fn main() {}
