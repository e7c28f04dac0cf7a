//! What the idle link costs: bulk bytes and small round trips, direct and through it.
//!
//! Client and peer are blocking threads; the link has a thread of its own, as in its role.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use squall::link::Link;

const BULK_BYTES: usize = 16 << 20;
const PING_BYTES: usize = 1 << 10;
const BUFFER_BYTES: usize = 1 << 20;

/// A peer that answers each message of `message_bytes` with its last `answer_bytes`.
fn peer(message_bytes: usize, answer_bytes: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            stream.set_nodelay(true).expect("a live socket");
            thread::spawn(move || {
                let mut buffer = vec![0; 256 << 10];
                let mut left = message_bytes;
                while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
                    left -= bytes;
                    if left == 0 {
                        left = message_bytes;
                        if stream.write_all(&buffer[..answer_bytes]).is_err() {
                            break;
                        }
                    }
                }
            });
        }
    });
    address
}

/// The address of an idle link to `upstream`.
fn through_link(upstream: SocketAddr) -> SocketAddr {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let link = Link::bind(upstream, 1, BUFFER_BYTES)
                .await
                .expect("a free port");
            sender.send(link.local_addr()).expect("the bench waits");
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().expect("the link binds")
}

fn compare(c: &mut Criterion, name: &str, message_bytes: usize, answer_bytes: usize) {
    let direct = peer(message_bytes, answer_bytes);
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(message_bytes as u64));
    for (path, address) in [("direct", direct), ("link", through_link(direct))] {
        let mut stream = TcpStream::connect(address).expect("a listener");
        stream.set_nodelay(true).expect("a live socket");
        let message = vec![7; message_bytes];
        let mut answer = vec![0; answer_bytes];
        group.bench_function(path, |bencher| {
            bencher.iter(|| {
                stream.write_all(&message).expect("a live peer");
                stream.read_exact(&mut answer).expect("a live peer");
                black_box(&answer);
            });
        });
    }
    group.finish();
}

fn bulk(c: &mut Criterion) {
    compare(c, "link/bulk 16 MiB", BULK_BYTES, 1);
}

fn ping(c: &mut Criterion) {
    compare(c, "link/ping 1 KiB", PING_BYTES, PING_BYTES);
}

criterion_group!(benches, bulk, ping);
criterion_main!(benches);
