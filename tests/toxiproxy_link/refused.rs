//! Servers that are of no use, and settings that cannot be.

use super::*;

#[test]
fn a_server_that_hangs_or_is_not_there_is_said_before_the_run() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let hanging_at = hanging.local_addr().unwrap();
    for (there, why) in [
        (
            format!("server: \"{hanging_at}\""),
            "does not answer (ask for its version, 2 s)",
        ),
        (format!("server: \"{refused}\""), "cannot be reached"),
        (
            "command: squall-no-such-program".to_owned(),
            "cannot start squall-no-such-program",
        ),
        ("command: \"false\"".to_owned(), "has ended: exit status: 1"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let controller = started(&scenario(&format!("{{ {there} }}"), ""), &home, || true);
        let output = controller.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // The words are wrapped to the terminal's width.
        let said: Vec<&str> = said
            .split([' ', '\n', '│'])
            .filter(|w| !w.is_empty())
            .collect();
        let said = said.join(" ");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{there}: {said}");
        assert!(began.elapsed() < Duration::from_secs(15), "{there}");
    }
}

/// `squall check` on a scenario text: its code and words.
fn check(text: &str) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let output = squall().arg("check").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn what_it_cannot_do_and_wrong_settings_are_errors_of_check() {
    let good = check(&scenario("{ server: \"127.0.0.1:8474\" }", WEATHER));
    assert_eq!(good.0, Some(0), "{}", good.1);
    assert_eq!(check(&scenario("{ image: default }", WEATHER)).0, Some(0));
    let here = "{ server: \"127.0.0.1:8474\" }";
    for (there, more, message, help) in [
        (
            here,
            "faults: [ { name: far, latency: { delay: 2ms } } ]",
            "a latency below 5ms cannot be proven",
            "`link: { via: proxy }` can",
        ),
        (
            here,
            "faults: [ { name: thin, bandwidth: 1KiB/s } ]",
            "only whole kilobytes a second",
            "`link: { via: proxy }` can",
        ),
        (
            "{ server: \"10.0.0.5:8474\" }",
            "",
            "not an address and port on this machine",
            "127.0.0.1:8474",
        ),
        (
            "{ server: localhost }",
            "",
            "not an address and port on this machine",
            "127.0.0.1:8474",
        ),
        ("{ image: \"\" }", "", "an image has a name", "default"),
        (
            "{ command: \"\" }",
            "",
            "an executable has a name",
            "toxiproxy-server",
        ),
        (
            "{ image: a, command: b }",
            "",
            "cannot stand together",
            "exactly one of",
        ),
        ("{}", "", "nothing to do", "add one of"),
    ] {
        let (code, said) = check(&scenario(there, more));
        assert_eq!(code, Some(2), "{there} {more}: {said}");
        assert!(said.contains(message) && said.contains(help), "{said}");
    }
    let idle = scenario(here, "").replace("via: toxiproxy", "via: proxy");
    let (code, said) = check(&idle);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("does not go through a Toxiproxy"), "{said}");
}
