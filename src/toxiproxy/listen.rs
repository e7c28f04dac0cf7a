//! Addresses to listen on, written as Toxiproxy takes them: `host:port`, either of them empty.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, lookup_host};
use tokio::time::timeout;

use super::error::ApiError;

/// For finding the address of a name of this machine; other requests wait meanwhile.
const LOOKUP: Duration = Duration::from_secs(1);

/// What an address means; an empty host is every interface, an empty port a free one.
///
/// # Errors
/// Says what is wrong with it.
pub async fn resolve(address: &str) -> Result<SocketAddr, String> {
    if address.is_empty() {
        return Ok((Ipv6Addr::UNSPECIFIED, 0).into());
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(format!("address {address}: missing port in address"));
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err(format!("address {address}: too many colons in address"));
    }
    let host = bare.unwrap_or(host);
    let port = match port.parse::<u16>() {
        Ok(port) => port,
        Err(_) if port.is_empty() => 0,
        Err(_) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Err(format!("address {port}: invalid port"));
        }
        Err(_) => return Err(format!("address tcp/{port}: unknown port")),
    };
    if host.is_empty() {
        return Ok((Ipv6Addr::UNSPECIFIED, port).into());
    }
    if let Ok(host) = host.parse::<IpAddr>() {
        return Ok((host, port).into());
    }
    let found = timeout(LOOKUP, lookup_host((host, port))).await;
    let found = found.into_iter().flatten().flatten();
    let mut found: Vec<SocketAddr> = found.collect();
    // A name that has both is listened on where most clients look first.
    found.sort_by_key(SocketAddr::is_ipv6);
    let first = found.first().copied();
    first.ok_or_else(|| format!("lookup {host}: no such host"))
}

/// Listens.
///
/// # Errors
/// When the address is wrong or taken; status 500.
pub async fn bind(address: &str) -> Result<TcpListener, ApiError> {
    let resolved = resolve(address).await;
    let resolved = resolved.map_err(|why| ApiError::new(500, format!("listen tcp: {why}")))?;
    let bound = match TcpListener::bind(resolved).await {
        // A machine without IPv6 has its interfaces all the same.
        Err(error) if is_everywhere(&resolved) && error.kind() != ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, resolved.port())).await
        }
        other => other,
    };
    bound.map_err(|error| {
        let why = plain(&error);
        ApiError::new(500, format!("listen tcp {resolved}: bind: {why}"))
    })
}

fn is_everywhere(address: &SocketAddr) -> bool {
    address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

/// The system's words alone: `address already in use`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    words.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_read_as_written() {
        let read = |text: &'static str| async move {
            resolve(text).await.map(|address| address.to_string())
        };
        assert_eq!(read("").await.unwrap(), "[::]:0");
        assert_eq!(read(":80").await.unwrap(), "[::]:80");
        assert_eq!(read("127.0.0.1:").await.unwrap(), "127.0.0.1:0");
        assert_eq!(read("[::1]:9").await.unwrap(), "[::1]:9");
        let wrong = [
            ("foo", "address foo: missing port in address"),
            ("::1:9", "address ::1:9: too many colons in address"),
            ("127.0.0.1:bogus", "address tcp/bogus: unknown port"),
            ("127.0.0.1:99999", "address 99999: invalid port"),
        ];
        for (text, why) in wrong {
            assert_eq!(read(text).await.unwrap_err(), why);
        }
    }

    #[tokio::test]
    async fn a_taken_address_is_said_in_the_words_of_the_system() {
        let taken = bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = bind(&address).await.unwrap_err();
        let expected = format!("listen tcp {address}: bind: address already in use");
        assert_eq!((error.status, error.message), (500, expected));
    }
}
