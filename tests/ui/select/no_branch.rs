async fn run() {
    wakeful::select! {}
}

fn main() {}
