//! What it is told while it does not run, starts, or will not stay.

use super::*;

#[test]
fn commands_to_one_that_does_not_run_do_nothing_and_a_crashed_one_starts_again() {
    let script = "echo ready; sleep 0.2; [ -e again ] && exec sleep 60; touch again; exit 9";
    let (folder, mut role, _) = running(script, |_| {});
    assert_eq!(role.program_ended(), ("exited with 9".to_owned(), false));
    for command in [
        ProgramCommand::Pause,
        ProgramCommand::Resume,
        ProgramCommand::Kill,
        ProgramCommand::Stop,
        ProgramCommand::Start,
    ] {
        program(&mut role, command);
    }
    let pid = role.program_started();
    // One that runs is not started twice.
    program(&mut role, ProgramCommand::Start);
    program(&mut role, ProgramCommand::Stop);
    assert_eq!(role.program_ended().0, "was killed by signal 15");
    assert!(!marked(folder.path()).contains(&pid.cast_signed()));
    gone(folder.path());
}

#[test]
fn a_start_that_fails_is_told_and_the_next_one_may_work() {
    let script = "[ -e broken ] && { echo cannot go on; exit 4; }; echo ready; exec sleep 60";
    let (folder, mut role, _) = running(script, |_| {});
    program(&mut role, ProgramCommand::Kill);
    role.program_ended();
    std::fs::write(folder.path().join("broken"), "").unwrap();
    program(&mut role, ProgramCommand::Start);
    let why = role.wait_for(|report| match report {
        Report::Failed { why } => Some(why),
        Report::ProgramStarted { .. } => panic!("it started"),
        _ => None,
    });
    assert!(
        why.contains("exited with 4") && why.contains("cannot go on"),
        "{why}"
    );
    gone(folder.path());
    std::fs::remove_file(folder.path().join("broken")).unwrap();
    program(&mut role, ProgramCommand::Start);
    role.program_started();
}

#[test]
fn a_start_is_broken_off_by_what_is_to_end_it() {
    // The second time it takes longer than anybody waits, and tells when it heeds signals.
    let script = "trap 'exit 0' TERM; if [ -e slow ]; then touch heeds; else touch slow; echo ready; fi; \
                  while :; do sleep 0.05; done";
    for (command, exit) in [
        (ProgramCommand::Kill, "was killed by signal 9"),
        (ProgramCommand::Stop, "exited with 0"),
    ] {
        let (folder, mut role, _) = running(script, |setup| {
            setup.ready_deadline_ns = 600 * SECOND_NS;
        });
        program(&mut role, ProgramCommand::Kill);
        role.program_ended();
        program(&mut role, ProgramCommand::Start);
        let heeds = folder.path().join("heeds");
        sampled(&mut role, |_| heeds.exists());
        program(&mut role, command);
        assert_eq!(role.program_ended(), (exit.to_owned(), true));
        gone(folder.path());
        // And the end of the controller.
        program(&mut role, ProgramCommand::Start);
        sampled(&mut role, |_| true);
        assert!(role.orphan());
        gone(folder.path());
    }
}

#[test]
fn a_daemon_is_told_to_stay_and_secrets_are_not_shown() {
    let daemon = failure(|_| {}, "(setsid sleep 60 >/dev/null 2>&1 &); exit 0");
    assert!(daemon.contains("stay in the foreground"), "{daemon}");

    let told = failure(
        |setup| {
            let process = process_of(setup);
            process
                .env
                .insert("TOKEN".to_owned(), "hush-hush".to_owned());
            process.secrets = vec!["hush-hush".to_owned(), String::new()];
        },
        "echo my token is $TOKEN; exit 1",
    );
    assert!(told.ends_with("my token is <redacted>"), "{told}");

    let mut role = Process::new(env!("CARGO_BIN_EXE_squall"));
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("set-up");
    std::fs::write(&input, r#"{"target":{"kind":"hush-hush"}}"#).unwrap();
    let input = std::fs::File::open(input).unwrap();
    let output = role.args(["role", "target"]).stdin(input).output().unwrap();
    assert!(!output.status.success());
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8(said).unwrap().contains("hush"));
}
