//! What squall's server can do beyond Toxiproxy's own.

use super::*;

#[test]
fn a_pareto_latency_has_a_floor_and_a_tail() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    add(
        &proxy,
        r#"{"type":"latency","attributes":{"latency":10,"jitter":10,"distribution":"pareto"}}"#,
    );
    let mut times: Vec<Duration> = (0..100).map(|_| ping(&mut stream)).collect();
    times.sort_unstable();
    assert!(times[0] >= Duration::from_millis(10), "{times:?}");
    // The median is 10 + 5.2 ms; the chance that no draw of 100 is above 40 ms is under 1 in 1000,
    // and the seed is fixed.
    assert!(times[50] < Duration::from_millis(35), "{times:?}");
    assert!(times[99] > Duration::from_millis(40), "{times:?}");
}

#[test]
fn loss_stalls_some_and_spares_the_others_and_is_gone_afterwards() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    let stalled = |stream: &mut TcpStream| {
        let times = (0..30).map(|_| ping(stream));
        times
            .filter(|time| *time >= Duration::from_millis(100))
            .count()
    };
    assert_eq!(stalled(&mut stream), 0);
    add(
        &proxy,
        r#"{"name":"l","type":"loss","attributes":{"rate":0.3,"rto":100}}"#,
    );
    let with = stalled(&mut stream);
    // Four standard deviations around 9.
    assert!((1..20).contains(&with), "{with}");
    remove(&proxy, "l");
    assert_eq!(stalled(&mut stream), 0);
}

#[test]
fn corruption_flips_single_bits_and_only_while_it_is_there() {
    let proxy = Proxy::start(&[]);
    let listen = proxy.create("p", speaker::<200_000>());
    let hit = || {
        let mut got = vec![0; 200_000];
        connect(listen).read_exact(&mut got).unwrap();
        let damage = got.iter().map(|byte| (byte ^ 7).count_ones());
        damage.filter(|bits| *bits > 0).collect::<Vec<u32>>()
    };
    assert!(hit().is_empty());
    add(
        &proxy,
        r#"{"name":"c","type":"corrupt","attributes":{"every":1000}}"#,
    );
    let with = hit();
    assert!((120..280).contains(&with.len()), "{}", with.len());
    assert!(with.iter().all(|bits| *bits == 1));
    remove(&proxy, "c");
    assert!(hit().is_empty());
}

#[test]
fn a_shared_bandwidth_is_for_all_connections_together() {
    let proxy = Proxy::start(&[]);
    let endless = server(|mut stream| while stream.write_all(&[7; 32 << 10]).is_ok() {});
    let listen = proxy.create("p", endless);
    for (attributes, total) in [
        (r#"{"rate":1000,"shared":true}"#, 1.0),
        (r#"{"rate":500}"#, 2.0),
    ] {
        add(
            &proxy,
            &format!(r#"{{"name":"b","type":"bandwidth","attributes":{attributes}}}"#),
        );
        let readers: Vec<_> = (0..4)
            .map(|_| thread::spawn(move || rate(&mut connect(listen))))
            .collect();
        let rates: Vec<f64> = readers.into_iter().map(|one| one.join().unwrap()).collect();
        let found = rates.iter().sum::<f64>() / 1e6;
        assert!((found / total - 1.0).abs() < 0.03, "{rates:?}");
        let each = total / 4.0 * 1e6;
        assert!(
            rates.iter().all(|rate| (rate / each - 1.0).abs() < 0.1),
            "{rates:?}"
        );
        remove(&proxy, "b");
    }
}

#[test]
fn a_list_of_toxics_takes_the_place_of_all_at_once_or_not_at_all() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    let path = "/proxies/p/toxics";
    let latency = |name: &str, ms: u64| {
        format!(r#"{{"name":"{name}","type":"latency","attributes":{{"latency":{ms}}}}}"#)
    };
    add(&proxy, &latency("a", 100));
    let two = format!("[{},{}]", latency("b", 200), latency("a", 150));
    let listed = proxy.ask("PUT", path, &two);
    assert_eq!(
        (&listed[0]["name"], &listed[1]["name"]),
        (&"b".into(), &"a".into())
    );
    let slow = median_ping(&mut stream, 5);
    assert!(slow >= Duration::from_millis(350), "{slow:?}");
    for (wrong, status) in [
        (format!("[{},{}]", latency("c", 1), latency("c", 2)), 409),
        (
            format!("[{},{{\"type\":\"nonsense\"}}]", latency("c", 1)),
            400,
        ),
        (latency("c", 1), 400),
    ] {
        assert_eq!(proxy.request("PUT", path, &wrong).status, status, "{wrong}");
        assert_eq!(proxy.ask("GET", path, ""), listed, "nothing has changed");
    }
    assert_eq!(proxy.request("PUT", "/proxies/q/toxics", "[]").status, 404);
    assert_eq!(proxy.ask("PUT", path, "[]"), serde_json::json!([]));
    let after = median_ping(&mut stream, 5);
    assert!(after < Duration::from_millis(100), "{after:?}");
}

#[test]
fn toxicity_can_be_drawn_for_requests() {
    let proxy = Proxy::start(&[]);
    let mut stream = connect(proxy.create("p", echo()));
    let latency = r#"{"name":"l","type":"latency","attributes":{"latency":150},"toxicity":0.4}"#;
    let mut by_request: serde_json::Value = serde_json::from_str(latency).unwrap();
    by_request["per"] = "request".into();
    add(&proxy, latency);
    let path = "/proxies/p/toxics/l";
    assert!(
        proxy.ask("GET", path, "").get("per").is_none(),
        "as Toxiproxy shows it"
    );
    remove(&proxy, "l");
    add(&proxy, &by_request.to_string());
    assert_eq!(proxy.ask("GET", path, "")["per"], "request");
    let slow = |stream: &mut TcpStream| {
        let times = (0..30).map(|_| ping(stream));
        times
            .filter(|time| *time >= Duration::from_millis(140))
            .count()
    };
    // Four standard deviations around 12.
    let with = slow(&mut stream);
    assert!((2..=23).contains(&with), "{with}");
    let wrong = proxy.request("PATCH", path, r#"{"per":"packet"}"#);
    assert_eq!(wrong.status, 400);
    remove(&proxy, "l");
    assert_eq!(slow(&mut stream), 0);
}
