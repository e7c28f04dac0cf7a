//! The run's name server. It knows one name.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::MESSAGE_BYTES;
use crate::plan::{DnsFault, SINK_NAME};

/// Where the link listens.
const LIVE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// On this machine, and nobody of ours listens there.
const DEAD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A running name server. Dropped, it is gone.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    faults: Arc<Mutex<Faults>>,
    serving: JoinHandle<()>,
}

/// The active faults by number, each with the queries that it struck. The latest to begin decides.
type Faults = BTreeMap<usize, (DnsFault, u64)>;

impl Server {
    /// Answers on a free UDP port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn bind() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let local_addr = socket.local_addr()?;
        let faults = Arc::default();
        let serving = tokio::spawn(serve(socket, Arc::clone(&faults)));
        Ok(Self {
            local_addr,
            faults,
            serving,
        })
    }

    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// From now on queries are answered as the fault says.
    pub fn begin(&self, id: usize, fault: DnsFault) {
        lock(&self.faults).insert(id, (fault, 0));
    }

    /// Ends a fault; returns it with the queries that it struck, `None` when it was not active.
    pub fn end(&self, id: usize) -> Option<(DnsFault, u64)> {
        lock(&self.faults).remove(&id)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(faults: &Mutex<Faults>) -> std::sync::MutexGuard<'_, Faults> {
    // A poisoned map is still a map.
    faults.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(socket: UdpSocket, faults: Arc<Mutex<Faults>>) {
    let mut buffer = [0; MESSAGE_BYTES];
    loop {
        // An error here is about an earlier answer that found its asker gone.
        let Ok((length, asker)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let Ok(query) = Message::from_vec(&buffer[..length]) else {
            continue;
        };
        let answer = {
            let mut faults = lock(&faults);
            let fault = faults.values_mut().next_back().map(|(fault, struck)| {
                *struck += 1;
                *fault
            });
            answer(&query, fault)
        };
        if let Some(bytes) = answer.and_then(|answer| answer.to_vec().ok()) {
            // An asker that is gone needs no answer.
            let _ = socket.send_to(&bytes, asker).await;
        }
    }
}

/// The answer to one query; `None` for silence.
fn answer(query: &Message, fault: Option<DnsFault>) -> Option<Message> {
    let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_desired = query.metadata.recursion_desired;
    answer.add_queries(query.queries.iter().cloned());
    let asked = query.queries.first();
    let known = |name: &Name| Name::from_str(SINK_NAME).is_ok_and(|own| own.eq_ignore_root(name));
    let address = match fault {
        None => LIVE,
        Some(DnsFault::DeadAddress) => DEAD,
        Some(DnsFault::Silence) => return None,
        Some(DnsFault::Nxdomain) => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            return Some(answer);
        }
        Some(DnsFault::Servfail) => {
            answer.metadata.response_code = ResponseCode::ServFail;
            return Some(answer);
        }
    };
    match asked {
        Some(asked) if known(&asked.name) => {
            if asked.query_type == RecordType::A {
                let record = Record::from_rdata(asked.name.clone(), 0, RData::A(A(address)));
                answer.add_answer(record);
            }
        }
        Some(_) => answer.metadata.response_code = ResponseCode::NXDomain,
        None => answer.metadata.response_code = ResponseCode::FormErr,
    }
    Some(answer)
}
