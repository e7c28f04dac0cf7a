//! The API over raw HTTP: every route, verb, status, body and error text as Toxiproxy has them.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use common::http;
use common::proxy::Proxy;
use serde_json::json;

mod common;

/// A port that nobody listens on by now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// One row: request, status, body. `{p}`, `{q}` and `{taken}` in any of them are ports.
type Row = (&'static str, &'static str, &'static str, u16, &'static str);

const MADE: &str = r#"{"name":"a","listen":"127.0.0.1:{p}","upstream":"127.0.0.1:1","enabled":true,"Logger":{},"toxics":[]}"#;

/// In this order, each on the state that those before it have left.
const ROWS: &[Row] = &[
    ("GET", "/version", "", 200, "{\"version\": \"2.12.0\"}\n"),
    ("GET", "/proxies", "", 200, "{}"),
    // Creating a proxy.
    ("POST", "/proxies", "", 400, r#"!bad request body: EOF"#),
    (
        "POST",
        "/proxies",
        "{",
        400,
        r#"!bad request body: unexpected EOF"#,
    ),
    (
        "POST",
        "/proxies",
        "{}",
        400,
        r#"!missing required field: name"#,
    ),
    (
        "POST",
        "/proxies",
        r#"{"name":"a"}"#,
        400,
        "!missing required field: upstream",
    ),
    (
        "POST",
        "/proxies",
        r#"{"name":5}"#,
        400,
        "!bad request body: json: cannot unmarshal number 5 into field name of type string",
    ),
    (
        "POST",
        "/proxies",
        r#"{"NAME":"a","Listen":"127.0.0.1:{p}","upstream":"127.0.0.1:1","unknown":[1],"enabled":null} trailing"#,
        201,
        MADE,
    ),
    (
        "POST",
        "/proxies",
        r#"{"name":"a","upstream":"127.0.0.1:1"}"#,
        409,
        "!proxy already exists",
    ),
    (
        "POST",
        "/proxies",
        r#"{"name":"b","listen":"127.0.0.1:{taken}","upstream":"127.0.0.1:1"}"#,
        500,
        "!listen tcp 127.0.0.1:{taken}: bind: address already in use",
    ),
    (
        "POST",
        "/proxies",
        r#"{"name":"b","listen":"127.0.0.1:bogus","upstream":"127.0.0.1:1"}"#,
        500,
        "!listen tcp: address tcp/bogus: unknown port",
    ),
    ("GET", "/proxies/b", "", 404, "!proxy not found"),
    ("GET", "/proxies/a", "", 200, MADE),
    ("GET", "/proxies", "", 200, "{\"a\":{made}}"),
    // Updating it.
    ("POST", "/proxies/b", "{}", 404, "!proxy not found"),
    ("PATCH", "/proxies/a", "{}", 200, MADE),
    ("POST", "/proxies/a", r#"{"name":"other"}"#, 200, MADE),
    (
        "POST",
        "/proxies/a",
        "[]",
        400,
        "!bad request body: json: cannot unmarshal array into the body of type object",
    ),
    (
        "POST",
        "/proxies/a",
        r#"{"enabled":false}"#,
        200,
        r#"{"name":"a","listen":"127.0.0.1:{p}","upstream":"127.0.0.1:1","enabled":false,"Logger":{},"toxics":[]}"#,
    ),
    ("PATCH", "/proxies/a", r#"{"enabled":true}"#, 200, MADE),
    (
        "PATCH",
        "/proxies/a",
        r#"{"listen":"localhost:{p}"}"#,
        200,
        MADE,
    ),
    (
        "PATCH",
        "/proxies/a",
        r#"{"listen":"127.0.0.1:bogus"}"#,
        500,
        "!address tcp/bogus: unknown port",
    ),
    // Toxics.
    ("GET", "/proxies/a/toxics", "", 200, "[]"),
    ("GET", "/proxies/b/toxics", "", 404, "!proxy not found"),
    ("POST", "/proxies/b/toxics", "{}", 404, "!proxy not found"),
    (
        "POST",
        "/proxies/a/toxics",
        "",
        400,
        "!bad request body: EOF",
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"stream":"sideways","type":"nonsense"}"#,
        400,
        "!stream was invalid, can be either upstream or downstream",
    ),
    (
        "POST",
        "/proxies/a/toxics",
        "{}",
        400,
        "!invalid toxic type",
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"nonsense"}"#,
        400,
        "!invalid toxic type",
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"latency","attributes":{"latency":"x"}}"#,
        400,
        "!bad request body: json: cannot unmarshal string into field latency of type int64",
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"latency","attributes":{"Latency":5,"jitter":-2,"other":1},"toxicity":0.25}"#,
        200,
        r#"{"attributes":{"latency":5,"jitter":-2},"name":"latency_downstream","type":"latency","stream":"downstream","toxicity":0.25}"#,
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"latency","stream":"UPSTREAM"}"#,
        200,
        r#"{"attributes":{"latency":0,"jitter":0},"name":"latency_UPSTREAM","type":"latency","stream":"UPSTREAM","toxicity":1}"#,
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"name":"latency_UPSTREAM","type":"noop"}"#,
        409,
        "!toxic already exists",
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"slicer","name":"s","attributes":{"average_size":9}}"#,
        200,
        r#"{"attributes":{"average_size":9,"size_variation":0,"delay":0},"name":"s","type":"slicer","stream":"downstream","toxicity":1}"#,
    ),
    (
        "GET",
        "/proxies/a/toxics/s",
        "",
        200,
        r#"{"attributes":{"average_size":9,"size_variation":0,"delay":0},"name":"s","type":"slicer","stream":"downstream","toxicity":1}"#,
    ),
    ("GET", "/proxies/a/toxics/t", "", 404, "!toxic not found"),
    ("GET", "/proxies/b/toxics/s", "", 404, "!proxy not found"),
    ("POST", "/proxies/a/toxics/t", "{}", 404, "!toxic not found"),
    (
        "POST",
        "/proxies/a/toxics/s",
        r#"{"name":"z","type":"noop","stream":"upstream","attributes":{"DELAY":7}}"#,
        200,
        r#"{"attributes":{"average_size":9,"size_variation":0,"delay":7},"name":"s","type":"slicer","stream":"downstream","toxicity":1}"#,
    ),
    (
        "PATCH",
        "/proxies/a/toxics/s",
        r#"{"toxicity":0.5}"#,
        200,
        r#"{"attributes":{"average_size":9,"size_variation":0,"delay":7},"name":"s","type":"slicer","stream":"downstream","toxicity":0.5}"#,
    ),
    (
        "PATCH",
        "/proxies/a/toxics/latency_downstream",
        r#"{"attributes":{"latency":77,"jitter":"x"}}"#,
        400,
        "!bad request body: json: cannot unmarshal string into field jitter of type int64",
    ),
    // Upstream first; and the update that failed has changed nothing, not even half.
    (
        "GET",
        "/proxies/a/toxics",
        "",
        200,
        r#"[{"attributes":{"latency":0,"jitter":0},"name":"latency_UPSTREAM","type":"latency","stream":"UPSTREAM","toxicity":1},{"attributes":{"latency":5,"jitter":-2},"name":"latency_downstream","type":"latency","stream":"downstream","toxicity":0.25},{"attributes":{"average_size":9,"size_variation":0,"delay":7},"name":"s","type":"slicer","stream":"downstream","toxicity":0.5}]"#,
    ),
    ("DELETE", "/proxies/a/toxics/s", "", 204, ""),
    ("DELETE", "/proxies/a/toxics/s", "", 404, "!toxic not found"),
    ("DELETE", "/proxies/b/toxics/s", "", 404, "!proxy not found"),
    // What Toxiproxy does not have.
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"latency","name":"x","attributes":{"latency":1,"distribution":"pareto","correlation":0.5}}"#,
        200,
        r#"{"attributes":{"latency":1,"jitter":0,"distribution":"pareto","correlation":0.5},"name":"x","type":"latency","stream":"downstream","toxicity":1}"#,
    ),
    (
        "PATCH",
        "/proxies/a/toxics/x",
        r#"{"attributes":{"distribution":"zipf"}}"#,
        400,
        r#"!bad request body: distribution "zipf" is not uniform, normal or pareto"#,
    ),
    (
        "PATCH",
        "/proxies/a/toxics/x",
        r#"{"attributes":{"correlation":1}}"#,
        400,
        "!bad request body: correlation 1 is not from 0 up to, but not including, 1",
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"loss","name":"y","attributes":{"rate":0.25}}"#,
        200,
        r#"{"attributes":{"rate":0.25,"rto":200,"modelled":true},"name":"y","type":"loss","stream":"downstream","toxicity":1}"#,
    ),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"corrupt","name":"z","attributes":{"every":9}}"#,
        200,
        r#"{"attributes":{"every":9},"name":"z","type":"corrupt","stream":"downstream","toxicity":1}"#,
    ),
    // Resetting: starts what is stopped, removes every toxic, keeps the proxies.
    ("POST", "/proxies/a", r#"{"enabled":false,"x":1}"#, 200, "*"),
    ("POST", "/reset", "", 204, ""),
    ("GET", "/proxies/a", "", 200, MADE),
    // Populating.
    (
        "POST",
        "/populate",
        "",
        400,
        r#"{"error":"bad request body: EOF","status":400,"proxies":[]}"#,
    ),
    ("POST", "/populate", "[]", 201, r#"{"proxies":[]}"#),
    (
        "POST",
        "/populate",
        r#"[{"name":"x","upstream":"127.0.0.1:1"},{"upstream":"127.0.0.1:1"}]"#,
        400,
        r#"{"error":"missing required field: name at proxy 2","status":400,"proxies":[]}"#,
    ),
    (
        "POST",
        "/populate",
        r#"[{"name":"x"}]"#,
        400,
        r#"{"error":"missing required field: upstream at proxy 1","status":400,"proxies":[]}"#,
    ),
    // Nothing of those lists was made.
    ("GET", "/proxies/x", "", 404, "!proxy not found"),
    (
        "POST",
        "/proxies/a/toxics",
        r#"{"type":"noop","name":"kept"}"#,
        200,
        "*",
    ),
    (
        "POST",
        "/populate",
        r#"[{"name":"a","listen":"127.0.0.1:{p}","upstream":"127.0.0.1:1","enabled":false}]"#,
        201,
        r#"{"proxies":[{"name":"a","listen":"127.0.0.1:{p}","upstream":"127.0.0.1:1","enabled":true,"Logger":{},"toxics":[{"attributes":{},"name":"kept","type":"noop","stream":"downstream","toxicity":1}]}]}"#,
    ),
    (
        "POST",
        "/populate",
        r#"[{"name":"a","listen":"127.0.0.1:{q}","upstream":"127.0.0.1:1","toxics":[{"type":"noop"}]},{"name":"c","listen":"127.0.0.1:{taken}","upstream":"127.0.0.1:1"},{"name":"d","listen":"127.0.0.1:0","upstream":"127.0.0.1:1"}]"#,
        500,
        r#"{"error":"listen tcp 127.0.0.1:{taken}: bind: address already in use","status":500,"proxies":[{"name":"a","listen":"127.0.0.1:{q}","upstream":"127.0.0.1:1","enabled":true,"Logger":{},"toxics":[]}]}"#,
    ),
    ("GET", "/proxies/d", "", 404, "!proxy not found"),
    ("DELETE", "/proxies/a", "", 204, ""),
    ("DELETE", "/proxies/a", "", 404, "!proxy not found"),
    (
        "POST",
        "/proxies",
        r#"{"name":"off","listen":"anything","upstream":"x","enabled":false}"#,
        201,
        r#"{"name":"off","listen":"anything","upstream":"x","enabled":false,"Logger":{},"toxics":[]}"#,
    ),
    (
        "POST",
        "/reset",
        "",
        500,
        "!listen tcp: address anything: missing port in address",
    ),
    // What is not there.
    ("GET", "/", "", 404, "404 page not found\n"),
    ("GET", "/proxies/", "", 404, "404 page not found\n"),
    ("GET", "/metrics", "", 404, "404 page not found\n"),
    (
        "GET",
        "/proxies/a/toxics/b/c",
        "",
        404,
        "404 page not found\n",
    ),
    ("HEAD", "/version", "", 405, ""),
    ("POST", "/version", "", 405, ""),
    ("DELETE", "/proxies", "", 405, ""),
    ("PUT", "/proxies/a", "{}", 405, ""),
    ("GET", "/populate", "", 405, ""),
    ("GET", "/reset", "", 405, ""),
    ("PATCH", "/proxies/a/toxics", "{}", 405, ""),
    ("PUT", "/proxies/a/toxics/b", "{}", 405, ""),
];

#[test]
fn every_route_answers_as_toxiproxy_does() {
    let proxy = Proxy::start(&[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = [
        ("{made}", MADE.to_owned()),
        ("{p}", free_port().to_string()),
        ("{q}", free_port().to_string()),
        ("{taken}", taken.local_addr().unwrap().port().to_string()),
    ];
    let filled = |text: &str| {
        let fill = |text: String, (name, port): &(&str, String)| text.replace(name, port);
        ports.iter().fold(text.to_owned(), fill)
    };
    for (verb, path, body, status, expected) in ROWS {
        let answer = proxy.request(verb, path, &filled(body));
        let row = format!("{verb} {path} {body}: {answer:?}");
        assert_eq!(answer.status, *status, "{row}");
        let expected = filled(expected);
        let content_type = match expected.strip_prefix('!') {
            Some(words) => {
                let wrapped = json!({"error": words, "status": status});
                assert_eq!(answer.body, format!("{wrapped}\n"), "{row}");
                Some("text/plain; charset=utf-8")
            }
            None => {
                let any = expected == "*";
                assert!(any || answer.body == expected, "{row}\nnot {expected}");
                match *path {
                    "/version" if *verb == "GET" => Some("application/json;charset=utf-8"),
                    _ if answer.body.starts_with("404") => Some("text/plain; charset=utf-8"),
                    _ if answer.body.is_empty() => None,
                    _ => Some("application/json"),
                }
            }
        };
        assert_eq!(answer.header("content-type"), content_type, "{row}");
        let nosniff = content_type
            .filter(|kind| kind.starts_with("text/"))
            .map(|_| "nosniff");
        assert_eq!(answer.header("x-content-type-options"), nosniff, "{row}");
        let is_matched = *status != 405 && !answer.body.starts_with("404");
        let id = answer.header("x-toxiproxy-request-id");
        assert_eq!(id.map(str::len), is_matched.then_some(20), "{row}");
    }
    drop(taken);
}

#[test]
fn browsers_are_kept_out_of_every_route() {
    let proxy = Proxy::start(&[]);
    let agent = "User-Agent: Mozilla/5.0 (X11)\r\n";
    for (verb, path) in [
        ("GET", "/version"),
        ("POST", "/reset"),
        ("GET", "/proxies/x"),
    ] {
        let answer = http::request(proxy.api, verb, path, agent, "");
        let found = (answer.status, answer.body.as_str());
        assert_eq!(found, (403, "User agent not allowed\n"));
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/plain; charset=utf-8"));
    }
    let other = "User-Agent: not Mozilla/5.0\r\n";
    let answer = http::request(proxy.api, "GET", "/version", other, "");
    assert_eq!(answer.status, 200);
}

#[test]
fn request_ids_differ_and_a_body_has_a_limit() {
    let proxy = Proxy::start(&[]);
    let id = || {
        let answer = proxy.request("GET", "/version", "");
        answer.header("x-toxiproxy-request-id").unwrap().to_owned()
    };
    assert_ne!(id(), id());
    let large = format!("[{}]", " ".repeat(9 << 20));
    let answer = proxy.request("POST", "/populate", &large);
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.json()["proxies"], json!(null), "refused unread");
}

#[test]
fn an_empty_listen_address_is_every_interface() {
    let proxy = Proxy::start(&[]);
    let made = proxy.ask("POST", "/proxies", r#"{"name":"a","upstream":"x:1"}"#);
    let listen = made["listen"].as_str().unwrap();
    let everywhere = listen.strip_prefix("[::]:");
    let port = everywhere.or(listen.strip_prefix("0.0.0.0:"));
    assert_ne!(port.unwrap().parse::<u16>().unwrap(), 0);
}

#[test]
fn a_config_file_is_populated_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxies.json");
    let config = r#"[{"name":"a","listen":"127.0.0.1:0","upstream":"127.0.0.1:1"}]"#;
    std::fs::write(&file, config).unwrap();
    let proxy = Proxy::start(&["--config", file.to_str().unwrap()]);
    let all = proxy.ask("GET", "/proxies", "");
    assert_eq!(all["a"]["enabled"], true, "{all}");
    let code = proxy.stop(rustix::process::Signal::INT);
    assert_eq!(code, 0);

    std::fs::write(&file, r#"[{"name":"a"}]"#).unwrap();
    let (code, words) = fails(&["--port", "0", "--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{words}");
    assert!(
        words.contains("missing required field: upstream at proxy 1"),
        "{words}"
    );
    let (code, words) = fails(&["--port", "0", "--config", "/nowhere/at/all"]);
    assert_eq!(code, Some(2), "{words}");
}

#[test]
fn a_taken_port_is_wrong_usage_and_a_signal_a_clean_end() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, words) = fails(&["--port", &port]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("cannot listen on 127.0.0.1:"), "{words}");

    let proxy = Proxy::start(&[]);
    let listen = proxy.create("a", taken.local_addr().unwrap());
    let _client = std::net::TcpStream::connect(listen).unwrap();
    assert_eq!(proxy.stop(rustix::process::Signal::TERM), 0);
}

/// Runs `squall proxy` where it cannot run; its exit code and words.
fn fails(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.arg("proxy").args(args).stdin(Stdio::null());
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    // The terminal's line breaks are no part of the words.
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (output.status.code(), words.replace("│ ", ""))
}
