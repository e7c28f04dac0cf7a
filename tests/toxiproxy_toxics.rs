//! Each toxic through the API of a running `squall proxy`: its effect, and that nothing of it is
//! there without.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::proxy::Proxy;

#[path = "toxiproxy_toxics/beyond.rs"]
mod beyond;
mod common;

/// No step of these tests takes nearly as long.
const HANG: Duration = Duration::from_secs(20);

/// A server that does `serve` with each connection.
fn server(serve: impl Fn(TcpStream) + Copy + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A server that sends everything back and ends when its client does.
fn echo() -> SocketAddr {
    server(|mut stream| {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..bytes]).is_err() {
                break;
            }
        }
    })
}

/// A server that says `bytes` at once and then nothing.
fn speaker<const BYTES: usize>() -> SocketAddr {
    server(|mut stream| {
        // What becomes of it is the client's to say.
        let _ = stream.write_all(&[7; BYTES]);
        let _ = stream.read(&mut [0; 1]);
    })
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream
}

fn ping(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    stream.write_all(&[1; 64]).unwrap();
    stream.read_exact(&mut [0; 64]).unwrap();
    begun.elapsed()
}

fn median_ping(stream: &mut TcpStream, count: usize) -> Duration {
    let mut times: Vec<Duration> = (0..count).map(|_| ping(stream)).collect();
    times.sort_unstable();
    times[count / 2]
}

fn is_quiet(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    let seen = stream.read(&mut [0; 1]);
    stream.set_read_timeout(Some(HANG)).unwrap();
    matches!(seen, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

fn is_reset(stream: &mut TcpStream) -> bool {
    let seen = stream.read(&mut [0; 64]).map_err(|error| error.kind());
    seen == Err(ErrorKind::ConnectionReset)
}

fn add(proxy: &Proxy, toxic: &str) {
    let path = "/proxies/p/toxics";
    proxy.ask("POST", path, toxic);
}

fn change(proxy: &Proxy, name: &str, change: &str) {
    proxy.ask("PATCH", &format!("/proxies/p/toxics/{name}"), change);
}

fn remove(proxy: &Proxy, name: &str) {
    proxy.ask("DELETE", &format!("/proxies/p/toxics/{name}"), "");
}

/// Whether `added` is `expected` within 2 ms or 2 %.
fn is_close(added: Duration, expected_ms: u64) -> bool {
    let expected = Duration::from_millis(expected_ms);
    added.abs_diff(expected) <= Duration::from_millis(2).max(expected / 50)
}

#[test]
fn latency_is_added_changed_and_gone_on_a_connection_that_lives_on() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    let without = median_ping(&mut stream, 21);
    assert!(without < Duration::from_millis(50), "{without:?}");
    add(
        &proxy,
        r#"{"name":"d","type":"latency","attributes":{"latency":200}}"#,
    );
    let down = median_ping(&mut stream, 7).saturating_sub(without);
    assert!(is_close(down, 200), "{down:?}");
    add(
        &proxy,
        r#"{"name":"u","type":"latency","stream":"upstream","attributes":{"latency":100}}"#,
    );
    let both = median_ping(&mut stream, 7).saturating_sub(without);
    assert!(is_close(both, 300), "{both:?}");
    change(&proxy, "d", r#"{"attributes":{"latency":0}}"#);
    let up = median_ping(&mut stream, 7).saturating_sub(without);
    assert!(is_close(up, 100), "{up:?}");
    remove(&proxy, "u");
    let after = median_ping(&mut stream, 21);
    assert!(after < Duration::from_millis(50), "{after:?}");
}

#[test]
fn jitter_spreads_over_its_range() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    add(
        &proxy,
        r#"{"type":"latency","attributes":{"latency":40,"jitter":30}}"#,
    );
    let mut times: Vec<Duration> = (0..60).map(|_| ping(&mut stream)).collect();
    times.sort_unstable();
    // The chance that none of 60 even draws falls into an outer third is under 1e-9.
    assert!(times[0] >= Duration::from_millis(10), "{times:?}");
    assert!(times[0] < Duration::from_millis(40), "{times:?}");
    assert!(times[59] > Duration::from_millis(50), "{times:?}");
}

/// Bytes a second that come for three seconds, after a start.
fn rate(stream: &mut TcpStream) -> f64 {
    let (warmup, time) = (Duration::from_millis(300), Duration::from_secs(3));
    let mut buffer = vec![0; 64 << 10];
    let begun = Instant::now();
    let mut first = None;
    let mut got = 0;
    loop {
        let bytes = stream.read(&mut buffer).unwrap();
        let now = Instant::now();
        if now - begun < warmup {
            continue;
        }
        let first = *first.get_or_insert(now);
        if now > first {
            got += bytes as u64;
        }
        if now - first >= time {
            return got as f64 / (now - first).as_secs_f64();
        }
    }
}

#[test]
fn bandwidth_is_exact_over_three_seconds_and_nothing_is_nothing() {
    let proxy = Proxy::start(&[]);
    let endless = server(|mut stream| while stream.write_all(&[7; 32 << 10]).is_ok() {});
    let listen = proxy.create("p", endless);
    add(
        &proxy,
        r#"{"name":"b","type":"bandwidth","attributes":{"rate":1000}}"#,
    );
    let mut stream = connect(listen);
    let with = rate(&mut stream);
    assert!((with / 1e6 - 1.0).abs() < 0.03, "{with} B/s");
    remove(&proxy, "b");
    let without = rate(&mut stream);
    assert!(without > 5e6, "{without} B/s");

    add(&proxy, r#"{"name":"cut","type":"bandwidth"}"#);
    let mut cut = connect(listen);
    assert!(is_quiet(&mut cut, Duration::from_millis(300)));
    remove(&proxy, "cut");
    cut.read_exact(&mut [0; 1000]).unwrap();
}

#[test]
fn reset_peer_resets_connections_that_exist_and_new_ones_and_no_others() {
    let proxy = Proxy::start(&[]);
    let listen = proxy.create("p", echo());
    let mut existing = connect(listen);
    ping(&mut existing);
    add(
        &proxy,
        r#"{"name":"r","type":"reset_peer","attributes":{"timeout":300}}"#,
    );
    assert!(
        is_quiet(&mut existing, Duration::from_millis(400)),
        "nothing came yet"
    );
    for stream in [&mut existing, &mut connect(listen)] {
        let begun = Instant::now();
        stream.write_all(&[1; 64]).unwrap();
        assert!(is_reset(stream));
        let after = begun.elapsed();
        assert!(after >= Duration::from_millis(300), "{after:?}");
        assert!(after < Duration::from_secs(2), "{after:?}");
    }
    change(&proxy, "r", r#"{"toxicity":0}"#);
    ping(&mut connect(listen));
    remove(&proxy, "r");
    ping(&mut connect(listen));
}

#[test]
fn removing_a_long_reset_does_not_wait_for_it() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    add(
        &proxy,
        r#"{"name":"r","type":"reset_peer","attributes":{"timeout":60000}}"#,
    );
    stream.write_all(&[1; 64]).unwrap();
    assert!(is_quiet(&mut stream, Duration::from_millis(200)));
    let begun = Instant::now();
    remove(&proxy, "r");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(is_reset(&mut stream), "what was swallowed is missing");
}

#[test]
fn a_timeout_swallows_and_closes_on_time_whatever_comes() {
    let proxy = Proxy::start(&[]);
    let listen = proxy.create("p", echo());
    let mut stream = connect(listen);
    ping(&mut stream);
    add(
        &proxy,
        r#"{"name":"t","type":"timeout","attributes":{"timeout":600}}"#,
    );
    let begun = Instant::now();
    let mut writing = stream.try_clone().unwrap();
    let busy = thread::spawn(move || {
        // Data all the time, which must not put the end off.
        for _ in 0..100 {
            if writing.write_all(&[1; 64]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(
        stream.read(&mut [0; 1]).unwrap(),
        0,
        "nothing, and then the end"
    );
    let after = begun.elapsed();
    assert!(after >= Duration::from_millis(550), "{after:?}");
    assert!(after < Duration::from_secs(3), "{after:?}");
    drop(stream);
    busy.join().unwrap();
}

#[test]
fn a_timeout_of_zero_closes_when_it_is_removed_and_only_what_it_struck() {
    let proxy = Proxy::start(&[]);
    let listen = proxy.create("p", echo());
    let mut spared = connect(listen);
    ping(&mut spared);
    add(&proxy, r#"{"name":"t","type":"timeout","toxicity":0}"#);
    ping(&mut spared);
    remove(&proxy, "t");
    ping(&mut spared);

    add(&proxy, r#"{"name":"t","type":"timeout"}"#);
    spared.write_all(&[1; 64]).unwrap();
    assert!(is_quiet(&mut spared, Duration::from_millis(500)));
    remove(&proxy, "t");
    assert_eq!(spared.read(&mut [0; 1]).unwrap(), 0);
    ping(&mut connect(listen));
}

#[test]
fn a_limit_closes_after_exactly_so_many_bytes() {
    let proxy = Proxy::start(&[]);
    let listen = proxy.create("p", speaker::<200_000>());
    for (limit, chain) in [(0, ""), (1, ""), (70_001, ""), (1_000, "latency")] {
        if !chain.is_empty() {
            add(
                &proxy,
                r#"{"name":"before","type":"latency","attributes":{"latency":50}}"#,
            );
        }
        let attributes = format!(r#"{{"bytes":{limit}}}"#);
        add(
            &proxy,
            &format!(r#"{{"name":"l","type":"limit_data","attributes":{attributes}}}"#),
        );
        let mut got = Vec::new();
        connect(listen).read_to_end(&mut got).unwrap();
        assert_eq!(got.len(), limit);
        remove(&proxy, "l");
    }
    let mut whole = vec![0; 200_000];
    connect(listen).read_exact(&mut whole).unwrap();
}

#[test]
fn a_limit_counts_what_has_passed_when_it_is_changed() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    add(
        &proxy,
        r#"{"name":"l","type":"limit_data","attributes":{"bytes":100}}"#,
    );
    ping(&mut stream);
    change(&proxy, "l", r#"{"attributes":{"bytes":140}}"#);
    stream.write_all(&[1; 200]).unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    assert_eq!(64 + got.len(), 140);
}

#[test]
fn a_slicer_makes_small_pieces_with_pauses() {
    let proxy = Proxy::start(&[]);
    let listen = proxy.create("p", speaker::<1000>());
    let pieces = |stream: &mut TcpStream| {
        let mut sizes = Vec::new();
        let begun = Instant::now();
        while sizes.iter().sum::<usize>() < 1000 {
            sizes.push(stream.read(&mut [0; 2000]).unwrap());
        }
        (sizes, begun.elapsed())
    };
    let (without, _) = pieces(&mut connect(listen));
    assert_eq!(without, [1000]);
    add(
        &proxy,
        r#"{"type":"slicer","attributes":{"average_size":100,"size_variation":20,"delay":20000}}"#,
    );
    let (sizes, time) = pieces(&mut connect(listen));
    // A reader that was not scheduled in time finds two pieces at once.
    let small = sizes.iter().filter(|bytes| **bytes <= 120).count();
    assert!(small >= 5, "{sizes:?}");
    assert!(time >= Duration::from_millis(7 * 20), "{time:?}");
}

#[test]
fn a_slow_close_delays_the_end_and_nothing_else() {
    for slow in [false, true] {
        let proxy = Proxy::start(&[]);
        let listen = proxy.create("p", server(|mut stream| stream.write_all(b"data").unwrap()));
        if slow {
            add(
                &proxy,
                r#"{"type":"slow_close","attributes":{"delay":1500}}"#,
            );
        }
        let begun = Instant::now();
        let mut stream = connect(listen);
        stream.read_exact(&mut [0; 4]).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
        let after = begun.elapsed();
        assert_eq!(after >= Duration::from_millis(1500), slow, "{after:?}");
    }
}

#[test]
fn noop_changes_nothing_and_a_half_close_is_kept() {
    let proxy = Proxy::start(&[]);
    let counting = server(|mut stream| {
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        write!(stream, "{}", got.len()).unwrap();
    });
    let listen = proxy.create("p", counting);
    add(&proxy, r#"{"type":"noop"}"#);
    let mut stream = connect(listen);
    stream.write_all(&[1; 12_345]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "12345", "the answer comes after the client's end");
}

#[test]
fn toxics_of_one_chain_add_up() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    let without = median_ping(&mut stream, 21);
    for (name, latency) in [("a", 100), ("b", 150)] {
        let attributes = format!(r#"{{"latency":{latency}}}"#);
        add(
            &proxy,
            &format!(r#"{{"name":"{name}","type":"latency","attributes":{attributes}}}"#),
        );
    }
    // 64 bytes take 64 ms on a line of 1 KB/s.
    add(&proxy, r#"{"type":"bandwidth","attributes":{"rate":1}}"#);
    let added = median_ping(&mut stream, 5).saturating_sub(without);
    assert!(is_close(added, 250 + 64), "{added:?}");
}

#[test]
fn a_disabled_proxy_is_closed_and_comes_back_on_its_port() {
    let proxy = Proxy::start(&[]);
    let listen = proxy.create("p", echo());
    let mut stream = connect(listen);
    ping(&mut stream);
    add(&proxy, r#"{"name":"kept","type":"noop"}"#);
    proxy.ask("POST", "/proxies/p", r#"{"enabled":false}"#);
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)), "closed");
    let refused = TcpStream::connect(listen).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.ask("POST", "/proxies/p", r#"{"enabled":true}"#);
    ping(&mut connect(listen));
    assert_eq!(proxy.ask("GET", "/proxies/p/toxics", "")[0]["name"], "kept");

    // Another upstream drops the connections and keeps the port.
    let mut stream = connect(listen);
    ping(&mut stream);
    let elsewhere = format!(r#"{{"upstream":"{}"}}"#, speaker::<5>());
    proxy.ask("PATCH", "/proxies/p", &elsewhere);
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)), "closed");
    connect(listen).read_exact(&mut [0; 5]).unwrap();
}

/// Which of forty connections a toxic of 0.5 strikes.
fn struck(seed: &str) -> Vec<bool> {
    let proxy = Proxy::start(&["--seed", seed]);
    let listen = proxy.create("p", echo());
    add(
        &proxy,
        r#"{"type":"limit_data","attributes":{"bytes":4},"toxicity":0.5}"#,
    );
    let strikes = |_| {
        let mut stream = connect(listen);
        stream.write_all(&[1; 8]).unwrap();
        let mut got = [0; 8];
        let is_struck = stream.read_exact(&mut got).is_err();
        // One draw for the connection: what was spared stays spared.
        if !is_struck {
            for _ in 0..5 {
                ping(&mut stream);
            }
        }
        is_struck
    };
    (0..40).map(strikes).collect()
}

#[test]
fn the_same_seed_strikes_the_same_connections() {
    let first = struck("5");
    assert_eq!(first, struck("5"));
    assert_ne!(first, struck("6"));
    let count = first.iter().filter(|is_struck| **is_struck).count();
    assert!((8..=32).contains(&count), "{first:?}");
}

#[test]
fn metrics_move_while_the_connection_is_open() {
    let proxy = Proxy::start(&["--proxy-metrics"]);
    let upstream = echo();
    let listen = proxy.create("p", upstream);
    let mut stream = connect(listen);
    for round in 1..=3 {
        ping(&mut stream);
        let mut lines = Vec::new();
        for family in ["received", "sent"] {
            for direction in ["upstream", "downstream"] {
                lines.push(format!(
                    "toxiproxy_proxy_{family}_bytes_total{{direction=\"{direction}\",listener=\"{listen}\",proxy=\"p\",upstream=\"{upstream}\"}} {}\n",
                    64 * round
                ));
            }
        }
        // A client may have its bytes a moment before they are counted as sent.
        let begun = Instant::now();
        loop {
            let text = proxy.request("GET", "/metrics", "").body;
            if lines.iter().all(|line| text.contains(line)) {
                break;
            }
            assert!(begun.elapsed() < HANG, "{lines:?} not in {text}");
        }
    }
    let help = proxy.request("PUT", "/metrics", "");
    assert_eq!(help.status, 200, "any verb");
}

#[test]
fn removing_latency_under_clients_that_went_away_never_hangs_the_api() {
    let proxy = Proxy::start(&[]);
    let listen = proxy.create("p", speaker::<3_000_000>());
    for _ in 0..20 {
        add(
            &proxy,
            r#"{"name":"l","type":"latency","attributes":{"latency":30}}"#,
        );
        let mut stream = connect(listen);
        stream.read_exact(&mut [0; 1000]).unwrap();
        drop(stream);
        let begun = Instant::now();
        remove(&proxy, "l");
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    proxy.ask("GET", "/proxies", "");
}
