//! The process that the tools of the tests observe. It prints `ready` and then does one thing until it is killed.
//!
//!   observed rest         asks for its parent's id, again and again
//!   observed talk         sends to itself over TCP on 127.0.0.1
//!   observed write FILE   writes to a disk

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// The value that a debugger reads.
#[used]
#[unsafe(no_mangle)]
pub static OBSERVED_SECRET: i32 = 4242;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut once: Box<dyn FnMut() -> std::io::Result<()>> = match &arguments[..] {
        [how] if how == "talk" => {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            let mut sender = TcpStream::connect(listener.local_addr()?)?;
            let (mut receiver, _) = listener.accept()?;
            std::thread::spawn(move || while receiver.read(&mut [0; 65536]).is_ok_and(|count| count > 0) {});
            Box::new(move || sender.write_all(&[0; 20_000]))
        }
        [how, path] if how == "write" => {
            let file = std::fs::File::create(path)?;
            Box::new(move || {
                file.write_all_at(&[1; 1 << 18], 0)?;
                file.sync_all()
            })
        }
        _ => Box::new(|| {
            let _ = std::os::unix::process::parent_id();
            Ok(())
        }),
    };
    println!("ready");
    loop {
        once()?;
        std::thread::sleep(Duration::from_millis(20));
    }
}
