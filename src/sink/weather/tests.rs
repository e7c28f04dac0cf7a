//! Who is struck, by which draw, and until when.

use super::*;

fn draws(seed: u64, fault: u64, share: f64) -> Vec<bool> {
    (0..10_000)
        .map(|number| drawn(seed, fault, 0, number, share))
        .collect()
}

#[test]
fn the_share_is_kept_and_the_seed_decides() {
    let some = draws(7, 1, 0.2);
    let struck = some.iter().filter(|struck| **struck).count();
    // Five standard deviations of a binomial draw.
    assert!((1800..=2200).contains(&struck), "{struck}");
    assert_eq!(some, draws(7, 1, 0.2));
    assert_ne!(some, draws(8, 1, 0.2));
    assert_ne!(some, draws(7, 2, 0.2));
    assert!(draws(7, 1, 1.0).iter().all(|struck| *struck));
    assert!(!draws(7, 1, 0.0).iter().any(|struck| *struck));
}

fn answer(fault: AnswerFault) -> FaultKind {
    FaultKind::Answer {
        fault,
        share: 1.0,
        signal: Some(Signal::Logs),
    }
}

#[test]
fn only_its_signal_is_struck_and_only_while_it_lasts() {
    let weather = Weather::default();
    assert!(weather.strike(Signal::Logs).is_none());
    let kind = answer(AnswerFault::MalformedBody);
    weather.start(3, kind.clone()).unwrap();
    assert!(weather.start(3, kind).is_err());
    assert!(weather.strike(Signal::Traces).is_none());
    assert!(weather.strike(Signal::Logs).is_some());
    // Nothing came of that strike, so there is no proof.
    assert_eq!(weather.end(3).unwrap().1, None);
    assert!(weather.strike(Signal::Logs).is_none());
    assert!(weather.end(3).is_err());
}

#[test]
fn a_sink_refuses_what_is_not_its_to_do() {
    let weather = Weather::default();
    let kill = FaultKind::Process {
        role: crate::plan::RoleName::Sink,
        fault: crate::plan::ProcessFault::Kill,
    };
    assert!(weather.start(0, kill).unwrap_err().contains("sink.kill"));
    let expired = FaultKind::Tls(TlsFault::Expired);
    assert!(weather.start(0, expired).unwrap_err().contains("expired"));
}

#[test]
fn connections_that_exist_and_that_come_are_silenced_until_the_end() {
    let weather = Weather::default();
    let before = weather.admit();
    weather.start(0, answer(AnswerFault::HalfOpen)).unwrap();
    let within = weather.admit();
    weather.end(0).unwrap();
    let after = weather.admit();
    let cut = [&before, &within, &after].map(|line| line.gate.is_cut());
    assert_eq!(cut, [true, true, false]);
}
