//! The packet link without impairments, and what it is made of.
#![cfg(target_os = "linux")]

#[path = "netns/mod.rs"]
mod netns;

use std::io::{Read as _, Write as _};
use std::process::Command;

use netns::{Pair, link, missing, tcp, with};
use squall::netns::{NetnsError, PacketLink, Setup, Side};

#[test]
fn bytes_pass_both_ways_and_every_packet_is_accounted_for() {
    let Some(link) = link(1) else { return };
    let pair = Pair::of(&link);
    assert_eq!(pair.numbers(5_000, 100), (1..=5_000).collect::<Vec<u64>>());
    pair.round_trip(100);
    let (mut client, mut sink) = tcp(&link);
    client.write_all(b"up").unwrap();
    sink.write_all(b"down").unwrap();
    let (mut up, mut down) = ([0; 2], [0; 4]);
    sink.read_exact(&mut up).unwrap();
    client.read_exact(&mut down).unwrap();
    assert_eq!((&up, &down), (b"up", b"down"));
    let sample = link.sample().unwrap();
    for lane in [&sample.up, &sample.down] {
        assert!(lane.closes() && lane.is_faithful(), "{lane:?}");
        assert_eq!(lane.lateness.count(), lane.sent);
        assert_eq!(lane.received, lane.sent);
    }
    assert!(sample.up.received >= 5_100 && sample.down.received >= 100);
    assert_eq!((sample.rejected_by_client, sample.rejected_by_sink), (0, 0));
    assert!(sample.up.lateness.quantile_ns(0.5).unwrap() < 100_000_000);
}

/// Only packets of ours: nobody asks for neighbours, announces IPv6 or talks of itself.
#[test]
fn the_link_is_silent_when_the_sides_are() {
    let Some(link) = link(1) else { return };
    std::thread::sleep(std::time::Duration::from_millis(500));
    let sample = link.sample().unwrap();
    assert_eq!((sample.up.received, sample.down.received), (0, 0));
}

/// A TCP that sends 1 MiB at once would put 64 KiB on an interface with offloads.
#[test]
fn no_packet_is_longer_than_the_mtu() {
    for mtu_bytes in [600, 1500, 9000, 65_535] {
        let setup = Setup {
            mtu_bytes,
            ..Setup::new(1)
        };
        let Some(link) = with(&setup) else { return };
        let (mut client, mut sink) = tcp(&link);
        let bytes = 1 << 20;
        let writer = std::thread::spawn(move || client.write_all(&vec![7; bytes]).unwrap());
        sink.read_exact(&mut vec![0; bytes]).unwrap();
        writer.join().unwrap();
        let up = link.sample().unwrap().up;
        assert!(up.is_faithful(), "{up:?}");
        let least = (bytes as u64).div_ceil(u64::from(mtu_bytes));
        assert!(up.received >= least, "{} of {mtu_bytes}", up.received);
    }
}

#[test]
fn commands_start_on_their_side() {
    let Some(link) = link(1) else { return };
    let of = |side| {
        let mut command = Command::new("cat");
        command.arg("/proc/self/net/fib_trie");
        link.enter_on_spawn(side, &mut command).unwrap();
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let own = |side| format!("{}\n           /32 host LOCAL", link.address(side));
    assert!(
        of(Side::Client).contains(&own(Side::Client)),
        "{}",
        of(Side::Client)
    );
    assert!(of(Side::Sink).contains(&own(Side::Sink)));
    assert!(!of(Side::Sink).contains(&own(Side::Client)));
}

#[test]
fn many_links_do_not_meet() {
    let (Some(one), Some(two)) = (link(1), link(2)) else {
        return;
    };
    let (first, second) = (Pair::of(&one), Pair::of(&two));
    assert!(missing(&first.numbers(500, 20), 500).is_empty());
    assert_eq!(two.sample().unwrap().up.received, 0);
    drop(one);
    assert!(missing(&second.numbers(500, 20), 500).is_empty());
}

#[test]
fn the_congestion_control_is_recorded_and_pinned_where_allowed() {
    let Some(found) = link(1) else { return };
    assert!(!found.congestion().pinned && !found.congestion().client.is_empty());
    let pinned = |name: &str| {
        PacketLink::up(&Setup {
            congestion: Some(name.to_owned()),
            ..Setup::new(1)
        })
    };
    let reno = pinned("reno").unwrap();
    assert_eq!(reno.congestion().client, "reno");
    assert_eq!(reno.congestion().sink, "reno");
    assert!(reno.congestion().pinned);
    let seen = reno.within(Side::Client, || {
        std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap()
    });
    assert_eq!(seen.unwrap().trim(), "reno", "the side itself sees it");
    let error = pinned("nonesuch").unwrap_err();
    assert!(matches!(error, NetnsError::Congestion { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("this machine allows namespaces: "),
        "{error}"
    );
}

#[test]
fn an_impossible_mtu_is_refused() {
    let setup = Setup {
        mtu_bytes: 67,
        ..Setup::new(1)
    };
    assert!(matches!(
        PacketLink::up(&setup),
        Err(NetnsError::Mtu { mtu_bytes: 67 })
    ));
}
