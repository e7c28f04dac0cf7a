//! What a namespace's kernel tells: congestion control, and packets that it found broken.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use super::NetnsError;

/// Reads a small file from its beginning.
fn read(file: &OwnedFd) -> io::Result<String> {
    let mut bytes = vec![0; 16 << 10];
    let len = rustix::io::pread(file, &mut bytes[..], 0)?;
    Ok(String::from_utf8_lossy(&bytes[..len]).trim().to_owned())
}

/// Pins the congestion control, where one is wanted; returns the one in force.
pub(super) fn pin(file: &OwnedFd, wanted: Option<&str>) -> Result<String, NetnsError> {
    if let Some(wanted) = wanted {
        rustix::io::pwrite(file, wanted.as_bytes(), 0).map_err(|errno| NetnsError::Congestion {
            wanted: wanted.to_owned(),
            allow: allow(wanted),
            source: errno.into(),
        })?;
    }
    read(file).map_err(|source| NetnsError::SetUp {
        what: "reading the congestion control",
        source,
    })
}

/// What a namespace may pin here, and how to allow what the machine has besides.
fn allow(wanted: &str) -> String {
    let list = |what: &str| {
        let path = format!("/proc/sys/net/ipv4/tcp_{what}_congestion_control");
        std::fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |t| t.trim().to_owned())
    };
    let allowed = list("allowed");
    let mut help = format!("this machine allows namespaces: {allowed}");
    if !allowed.split(' ').any(|name| name == wanted) {
        let more = if list("available").split(' ').any(|name| name == wanted) {
            format!("it has {wanted}; to allow it")
        } else {
            format!("it has no {wanted} loaded; to load and allow it (modprobe tcp_{wanted})")
        };
        help += &format!(
            "\n{more}: sysctl net.ipv4.tcp_allowed_congestion_control=\"{allowed} {wanted}\""
        );
    }
    help
}

/// Packets that a namespace's kernel threw away as broken since it exists.
pub(super) fn rejected(snmp: &OwnedFd) -> Result<u64, NetnsError> {
    let text = read(snmp).map_err(|source| NetnsError::SetUp {
        what: "reading the SNMP counters",
        source,
    })?;
    Ok(rejected_in(&text))
}

/// Pairs of lines: names, then values.
fn rejected_in(snmp: &str) -> u64 {
    let lines: Vec<&str> = snmp.lines().collect();
    let mut values = BTreeMap::new();
    for pair in lines.chunks_exact(2) {
        let mut names = pair[0].split_whitespace();
        let protocol = names.next().unwrap_or_default();
        for (name, value) in names.zip(pair[1].split_whitespace().skip(1)) {
            values.insert((protocol, name), value.parse::<u64>().unwrap_or(0));
        }
    }
    let value = |protocol, name| values.get(&(protocol, name)).copied().unwrap_or(0);
    // Full receive buffers are counted as errors, too, but the packets were sound.
    let full = value("Udp:", "RcvbufErrors") + value("Udp:", "MemErrors");
    value("Ip:", "InHdrErrors")
        + value("Icmp:", "InErrors")
        + value("Tcp:", "InErrs")
        + value("Udp:", "InErrors").saturating_sub(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_packets_of_every_protocol_are_added_and_full_buffers_are_not() {
        let snmp = "Ip: Forwarding InHdrErrors\nIp: 1 3\n\
                    Tcp: InSegs InErrs\nTcp: 100 5\n\
                    Udp: InErrors RcvbufErrors MemErrors\nUdp: 20 8 2";
        assert_eq!(rejected_in(snmp), 3 + 5 + 10);
        assert_eq!(rejected_in(""), 0);
    }
}
