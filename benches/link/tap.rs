//! A link that reads what passes, on both of its sides, as the role's tap does.

use std::net::SocketAddr;
use std::sync::Arc;

use squall::link::Link;
use squall::link::observer::{Observer, Watch};
use squall::link::weather::Weather;
use squall::otlp::identities::Runs;
use squall::otlp::walk::{Found, walk};
use squall::tap::{Decoder, Sight};
use tokio::net::TcpListener;

use super::peers::{Server, on_thread};

const REQUEST_MAX_BYTES: u64 = 64 << 20;

pub fn link(upstream: SocketAddr, buffer_bytes: usize) -> Server {
    on_thread(move || async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let observer: Arc<dyn Observer> = Arc::new(Tap);
        let weather = Weather::new(1);
        let upstream = upstream.to_string();
        let link = Link::serve(listener, upstream, weather, buffer_bytes, Some(observer));
        let link = link.expect("a listener with an address");
        let address = link.local_addr();
        // A link that is dropped stops.
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(link);
        });
        address
    })
}

#[derive(Debug)]
struct Tap;

/// One side of a connection.
struct Side {
    decoder: Decoder,
    items: Runs,
}

struct Sides([Side; 2]);

impl Observer for Tap {
    fn connection(&self) -> Box<dyn Watch> {
        let side = || Side {
            decoder: Decoder::new(REQUEST_MAX_BYTES),
            items: Runs::default(),
        };
        Box::new(Sides([side(), side()]))
    }
}

impl Watch for Sides {
    fn up_read(&mut self, bytes: &[u8], _: u64) {
        self.0[0].see(bytes);
    }

    fn up_written(&mut self, bytes: &[u8], _: u64) {
        self.0[1].see(bytes);
    }
}

impl Side {
    fn see(&mut self, bytes: &[u8]) {
        let Self { decoder, items } = self;
        let seen = decoder.feed(bytes, &mut |sight| {
            let Sight::Request { signal, body } = sight else {
                panic!("{sight:?}");
            };
            items.clear();
            let walked = walk(signal, body, &mut |found| {
                if let Found::Span(item, _) = found {
                    items.push(item);
                }
            });
            walked.expect("a valid request");
        });
        seen.expect("HTTP/2");
    }
}
