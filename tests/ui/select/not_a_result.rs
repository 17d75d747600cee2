async fn run() {
    let _ = wakeful::try_join!(std::future::ready(Ok::<u8, u8>(1)), std::future::ready(2));
}

fn main() {}
