//! The sink role: `squall role sink`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use super::control::{Command, Ready, Report, Setup, SinkSetup};
use super::share;
use super::stdio::{RoleError, commands, report, set_up};
use crate::journal::{ANSWERS_FILE, Journal};
use crate::mapped::shelves::Expected;
use crate::sink::accounting::Accounting;
use crate::sink::content::Comparison;
use crate::sink::required::Required;
use crate::sink::server::{Door, Limits, Server};
use crate::sink::throttle::Throttle;
use crate::sink::tls;
use crate::sink::traffic::Traffic;
use crate::sink::weather::Weather;

mod faults;

const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// Plays the role until it is told to finish.
///
/// # Errors
/// When the controller's lines cannot be understood or the role cannot do its work.
pub fn run() -> Result<(), RoleError> {
    let setup = match set_up()? {
        Setup::Sink(setup) => setup,
        other => return Err(RoleError::of_another(&other)),
    };
    share::keep_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(share::threads())
        .enable_all()
        .build()?;
    let played = runtime.block_on(play(*setup));
    if let Err(error) = &played {
        report(&Report::Failed {
            why: error.to_string(),
        });
    }
    // Connections that are still open must not hold the process.
    runtime.shutdown_background();
    played
}

async fn play(setup: SinkSetup) -> Result<(), RoleError> {
    let expected: Vec<Expected> = setup.expected.iter().map(Expected::from).collect();
    let accounting = Accounting::open(
        &setup.sink,
        setup.seed,
        &expected,
        setup.segments,
        &setup.evidence,
    )
    .and_then(|accounting| {
        let content = setup.content.as_ref();
        let content = content.map(|plan| Comparison::open(plan, &expected, &setup.evidence));
        let accounting = accounting.by_their_ids(setup.foreign);
        Ok(accounting.comparing(content.transpose()?))
    })
    .map_err(|error| RoleError::Failed(format!("cannot open the run's files: {error}")))?;
    let wrong = match &setup.tls {
        Some(tls) => faults::wrong_certificates(tls),
        None => Ok(Vec::new()),
    }
    .map_err(|error| RoleError::Failed(error.to_string()))?;
    let answers = Journal::open(&setup.evidence.join(ANSWERS_FILE))?;
    let acceptor = setup
        .tls
        .map(|tls| tls::acceptor(&tls.cert, &tls.key, tls.client_ca.as_deref()))
        .transpose()
        .map_err(|error| RoleError::Failed(error.to_string()))?;

    let server = Arc::new(Server {
        receiver: Arc::new(accounting),
        traffic: Arc::new(Traffic::default()),
        limits: Limits {
            strict: setup.sink.strict,
            ..Limits::with_max_request(setup.sink.max_request_bytes)
        },
        weather: Weather::new(setup.seed, wrong, answers),
        required: Required::new(&setup.require)
            .map_err(|error| RoleError::Failed(error.to_string()))?,
        throttle: setup.sink.throttle.map(Throttle::new),
    });
    if let Some(resumes) = &setup.resumes {
        server.receiver.start(resumes.clock);
    }
    let listen = setup.resumes.map(|resumes| resumes.listen);
    let fresh = SocketAddr::new(setup.listen, 0).to_string();
    let [grpc, http] = match &listen {
        Some(ready) => [ready.grpc.as_str(), ready.http.as_str()],
        None => [fresh.as_str(); 2],
    };
    // The runtime sets SO_REUSEADDR: connections of a sink that was killed may linger there.
    let (grpc, http) = (
        TcpListener::bind(grpc).await?,
        TcpListener::bind(http).await?,
    );
    let ready = Ready {
        grpc: grpc.local_addr()?.to_string(),
        http: http.local_addr()?.to_string(),
        ..Ready::default()
    };
    tokio::spawn(Arc::clone(&server).serve(grpc, Door::Grpc, acceptor.clone()));
    tokio::spawn(Arc::clone(&server).serve(http, Door::Http, acceptor));
    report(&Report::Ready(ready));
    obey(&server).await
}

async fn obey(server: &Server<Accounting>) -> Result<(), RoleError> {
    let Server {
        receiver,
        traffic,
        weather,
        ..
    } = server;
    let mut run_clock = None;
    let mut commands = commands();
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Start(clock)) => {
                    run_clock = Some(clock);
                    weather.set_clock(clock);
                    receiver.start(clock);
                }
                Some(Command::Checkpoint) => {
                    traffic.freeze();
                    receiver.freeze();
                    // The last word on the counters, which the next process adds to.
                    if let Some(sample) = receiver.sample(traffic) {
                        report(&Report::Sink(sample));
                    }
                    let evidence = receiver.evidence(traffic);
                    report(&Report::SinkCheckpoint(Box::new(evidence)));
                }
                Some(Command::Segments { segments, from_ns }) => {
                    if let Err(why) = receiver.split(segments, from_ns) {
                        report(&Report::Failed { why });
                    }
                }
                Some(Command::Finish) => {
                    report(&Report::SinkDone(Box::new(receiver.evidence(traffic))));
                    return Ok(());
                }
                Some(other) => report(&faults::obey(weather, run_clock, other)),
                // The input has ended: the process is about to exit.
                None => return Ok(()),
            },
            _ = ticks.tick() => {
                if let Some(why) = receiver.failure().or(weather.failure()) {
                    return Err(RoleError::Failed(why.to_owned()));
                }
                if let Some(sample) = receiver.sample(traffic) {
                    report(&Report::Sink(sample));
                }
            }
        }
    }
}
