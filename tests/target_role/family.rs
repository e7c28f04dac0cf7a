//! What is sampled, and paused: the program with all that it has started.

use super::*;

#[test]
fn the_whole_family_is_sampled_and_what_has_ended_stays_in_the_sums() {
    // A child that burns, is waited for and gone; two that stay.
    let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let script =
        format!("echo ready; sh -c '{burn}'; sleep 60 & sleep 61 & echo done > done; wait");
    let (folder, mut role, _) = running(&script, |_| {});
    let start = Instant::now();
    while !folder.path().join("done").exists() {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    let first = sampled(&mut role, |sample| {
        sample.threads == 3 && sample.pss_bytes.is_some()
    });
    assert!(cpu_ns(&first) >= 50_000_000, "{first:?}");
    let pss_bytes = first.pss_bytes.unwrap();
    assert!(pss_bytes > 0 && pss_bytes < first.rss_bytes, "{first:?}");
    assert!(
        first.fds >= 9 && first.rss_peak_bytes >= first.rss_bytes,
        "{first:?}"
    );
    assert!(
        first.context_switches_voluntary > 0 && first.read_bytes > 0,
        "{first:?}"
    );

    // The next one goes on from there.
    program(&mut role, ProgramCommand::Kill);
    assert_eq!(role.program_ended().0, "was killed by signal 9");
    program(&mut role, ProgramCommand::Start);
    role.program_started();
    let mut last = first;
    for _ in 0..10 {
        let next = sampled(&mut role, |_| true);
        assert!(cpu_ns(&next) >= cpu_ns(&last) && next.written_bytes >= last.written_bytes);
        assert!(next.context_switches_voluntary >= last.context_switches_voluntary);
        last = next;
    }
    assert!(last.at_ns > first.at_ns);
    role.command(&Command::Finish);
    role.program_ended();
}

#[test]
fn samples_come_ten_a_second_and_pss_once() {
    let (_folder, mut role, _) = running("echo ready; exec sleep 60", |_| {});
    let samples: Vec<ProcessSample> = (0..25).map(|_| sampled(&mut role, |_| true)).collect();
    let took_ns = samples[24].at_ns - samples[0].at_ns;
    assert!(
        (2_300_000_000..4_000_000_000).contains(&took_ns),
        "{took_ns}"
    );
    let with_pss = samples.iter().filter(|sample| sample.pss_bytes.is_some());
    assert!((2..=4).contains(&with_pss.count()));
    // A sleeping program costs next to nothing.
    assert!(cpu_ns(&samples[24]) - cpu_ns(&samples[0]) < 50_000_000);
}

#[test]
fn pause_stops_the_whole_family_and_resume_lets_it_go_on() {
    let script = "setsid sh -c 'while :; do sleep 0.01; done' & echo ready; \
                  while :; do sleep 0.01; done";
    let (folder, mut role, _) = running(script, |_| {});
    for _ in 0..3 {
        program(&mut role, ProgramCommand::Pause);
        sampled(&mut role, |sample| sample.stopped);
        let stopped = |pid: &i32| {
            let process = procfs::process::Process::new(*pid).unwrap();
            process.stat().unwrap().state == 'T'
        };
        let family = marked(folder.path());
        assert!(
            family.len() >= 2 && family.iter().all(stopped),
            "{family:?}"
        );
        program(&mut role, ProgramCommand::Resume);
        sampled(&mut role, |sample| !sample.stopped);
    }
    // A paused one is killed like any other; the next one is not paused.
    program(&mut role, ProgramCommand::Pause);
    program(&mut role, ProgramCommand::Kill);
    assert_eq!(
        role.program_ended(),
        ("was killed by signal 9".to_owned(), true)
    );
    gone(folder.path());
    program(&mut role, ProgramCommand::Start);
    role.program_started();
    assert!(!sampled(&mut role, |_| true).stopped);
    // A paused one hears that it is to stop.
    program(&mut role, ProgramCommand::Pause);
    program(&mut role, ProgramCommand::Stop);
    assert_eq!(
        role.program_ended(),
        ("was killed by signal 15".to_owned(), true)
    );
    gone(folder.path());
}
