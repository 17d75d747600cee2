#![deny(unused)]

pub async fn run() {
    wakeful::select! {
        x = std::future::ready(2u8) => {}
        mut y = std::future::ready(2u8) => drop(y),
    }
}

fn main() {}
