//! The client's look-up: a stub resolver that asks one server, and asks again when nothing comes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use hickory_proto::ProtoError;
use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::MESSAGE_BYTES;

/// How long one query is waited for.
const WAIT: Duration = Duration::from_secs(1);
/// Queries before a look-up fails.
const TRIES: u32 = 2;

/// Why a name could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error("{name} is not a name: {error}")]
    Name { name: String, error: ProtoError },
    #[error("cannot ask the name server at {server}: {error}")]
    Io {
        server: SocketAddr,
        error: io::Error,
    },
    #[error("the name server at {0} does not answer")]
    Silence(SocketAddr),
    #[error("the name server answers {code} for {name}")]
    Refused { name: String, code: ResponseCode },
    #[error("{0} has no address")]
    NoAddress(String),
}

/// Asks `server` for the addresses of `name`, over the wire, every time.
///
/// # Errors
/// When the server does not answer, or not with an address.
pub async fn addresses(server: SocketAddr, name: &str) -> Result<Vec<IpAddr>, LookupError> {
    let wrong = |error| LookupError::Name {
        name: name.to_owned(),
        error,
    };
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(
        Name::from_str(name).map_err(wrong)?,
        RecordType::A,
    ));
    let bytes = query.to_vec().map_err(wrong)?;
    let answer = ask(server, &bytes, query.metadata.id)
        .await
        .map_err(|error| LookupError::Io { server, error })?
        .ok_or(LookupError::Silence(server))?;
    if answer.metadata.response_code != ResponseCode::NoError {
        return Err(LookupError::Refused {
            name: name.to_owned(),
            code: answer.metadata.response_code,
        });
    }
    let addresses: Vec<IpAddr> = answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            _ => None,
        })
        .collect();
    match addresses.is_empty() {
        true => Err(LookupError::NoAddress(name.to_owned())),
        false => Ok(addresses),
    }
}

/// The server's answer to this very query; `None` when none came in time.
async fn ask(server: SocketAddr, query: &[u8], id: u16) -> io::Result<Option<Message>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(server).await?;
    let mut buffer = [0; MESSAGE_BYTES];
    for _ in 0..TRIES {
        socket.send(query).await?;
        let deadline = Instant::now() + WAIT;
        while let Ok(received) = timeout_at(deadline, socket.recv(&mut buffer)).await {
            let answer = Message::from_vec(&buffer[..received?]);
            // Anything else is not for us.
            if let Ok(answer) = answer
                && answer.metadata.id == id
                && answer.metadata.message_type == MessageType::Response
            {
                return Ok(Some(answer));
            }
        }
    }
    Ok(None)
}
