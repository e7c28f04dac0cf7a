//! A receiver in the test's own process, which answers what it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use squall::otlp::Malformed;
use squall::sink::required::Required;
use squall::sink::server::{Door, Limits, Server};
use squall::sink::traffic::Traffic;
use squall::sink::weather::Weather;
use squall::sink::{Answer, Receiver, Request, Taken};
use tokio::net::TcpListener;

/// A next hop that keeps what comes and answers what it is told to.
#[derive(Debug)]
pub struct NextHop {
    answer: Mutex<Answer>,
    bodies: Mutex<Vec<Bytes>>,
}

impl Receiver for NextHop {
    fn accept(&self, request: Request<'_>) -> Result<Taken, Malformed> {
        let body = Bytes::copy_from_slice(request.body);
        self.bodies.lock().unwrap().push(body);
        Ok(Taken {
            answer: self.answer.lock().unwrap().clone(),
            first: None,
            items: 0,
        })
    }
}

impl NextHop {
    /// Its addresses for gRPC and HTTP. With `required`, only requests with that header are taken.
    pub async fn start(required: Option<(&str, &str)>) -> (Arc<Self>, [SocketAddr; 2]) {
        let hop = Arc::new(Self {
            answer: Mutex::new(Answer::Accepted),
            bodies: Mutex::default(),
        });
        let required: Vec<_> = required
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let server = Arc::new(Server {
            receiver: Arc::clone(&hop),
            traffic: Arc::new(Traffic::default()),
            limits: Limits::with_max_request(1 << 20),
            weather: Weather::default(),
            required: Required::new(&required).unwrap(),
            throttle: None,
        });
        let mut addresses = Vec::new();
        for door in [Door::Grpc, Door::Http] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            tokio::spawn(Arc::clone(&server).serve(listener, door, None));
        }
        (hop, addresses.try_into().unwrap())
    }

    /// What it answers from now on.
    pub fn says(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The request of that number, from 0.
    pub fn body(&self, number: usize) -> Bytes {
        self.bodies.lock().unwrap()[number].clone()
    }

    /// Requests that came.
    pub fn count(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}
