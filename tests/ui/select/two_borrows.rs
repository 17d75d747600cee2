async fn change(_: &mut u8) {}

async fn run() {
    let mut value = 1;
    wakeful::select! {
        () = change(&mut value) => {}
        () = change(&mut value) => {}
    }
}

fn main() {}
