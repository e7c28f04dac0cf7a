//! Something that squall did not start.

use super::*;

/// Answers every request with the next of these texts, the last one again and again; an empty one
/// is a refusal.
fn endpoint(texts: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (turn, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 2048];
            let _ = std::io::Read::read(&mut stream, &mut asked);
            let text = texts[turn.min(texts.len() - 1)];
            let status = if text.is_empty() {
                "503 Busy"
            } else {
                "200 OK"
            };
            let length = text.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{text}");
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    format!("http://{address}/metrics")
}

#[test]
fn an_external_target_is_asked_and_scraped_and_not_touched() {
    let texts = &[
        "sent 5\nqueue{to=\"x\"} 2\n",
        "",
        "sent_total 7\nqueue 0",
        "sent_total 1",
    ];
    let url = endpoint(texts);
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(
        folder.path(),
        "",
        ProgramReady::Probe(Probe::Tcp("127.0.0.1:1".to_owned())),
    );
    setup.kind = TargetKind::External;
    let address = url.split('/').nth(2).unwrap().to_owned();
    // The probe takes the first turn with its empty request.
    setup.ready = ProgramReady::Probe(Probe::Tcp(address));
    setup.scrape = Some(ScrapeSetup {
        url,
        every_ns: SECOND_NS / 50,
        series: [("sent", "sent_total"), ("queue", "queue"), ("none", "none")]
            .map(|(name, selector)| (name.to_owned(), selector.parse().unwrap()))
            .into(),
    });
    let mut role = Role::start("target", &Setup::Target(Box::new(setup)));
    assert_eq!(role.ready.http, "127.0.0.1:2");
    role.start_run(0);
    let mut scrape = || {
        role.wait_for(|report| match report {
            Report::Scraped {
                values,
                failed,
                last_failure,
                ..
            } => {
                let values: Vec<_> = values.into_iter().collect();
                Some((values, failed, last_failure))
            }
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        })
    };
    let value = |name: &str, value: f64| (name.to_owned(), value);
    let busy = Some("it answers with status 503".to_owned());
    assert_eq!(scrape(), (vec![], 1, busy.clone()));
    assert_eq!(
        scrape(),
        (
            vec![value("queue", 0.0), value("sent", 7.0)],
            1,
            busy.clone()
        )
    );
    // It was started again.
    assert_eq!(scrape(), (vec![value("sent", 8.0)], 1, busy));
    for (command, what) in [
        (ProgramCommand::Kill, "not squall's to kill"),
        (ProgramCommand::Stop, "not squall's to stop"),
        (ProgramCommand::Start, "not squall's to start"),
        (ProgramCommand::Pause, "not squall's to pause"),
        (ProgramCommand::Resume, "not squall's to resume"),
        (ProgramCommand::FillDisk, "no small disk"),
    ] {
        program(&mut role, command);
        let why = role.wait_for(|report| match report {
            Report::Failed { why } => Some(why),
            _ => None,
        });
        assert!(why.contains(what), "{why}");
    }
    role.command(&Command::Finish);
    assert!(role.ended());

    let says = failure(|setup| setup.kind = TargetKind::External, "");
    assert!(says.contains("does not hear"), "{says}");
    let silent = failure(
        |setup| {
            setup.kind = TargetKind::External;
            setup.ready = ProgramReady::Probe(Probe::Tcp("127.0.0.1:1".to_owned()));
        },
        "",
    );
    assert!(
        silent.contains("external target was not ready within 1 s"),
        "{silent}"
    );
}
