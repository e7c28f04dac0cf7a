//! A small disk of its own.

use super::*;

/// A small disk in `folder`.
fn with_disk(setup: &mut TargetSetup, bytes: u64) {
    let process = process_of(setup);
    let folder = process.folder.join("data");
    std::fs::create_dir(&folder).unwrap();
    process.disk = Some(DiskSetup { bytes, folder });
}

#[test]
fn a_full_disk_is_the_programs_alone_and_gone_with_it() {
    let script = "echo mine > data/first; id -u > who; echo ready; \
                  while :; do sleep 0.02; [ -e ask ] || continue; rm ask; \
                  if head -c 5000 /dev/zero >> data/more; then echo fits > told; else echo full > told; fi; done";
    let (folder, mut role, _) = running(script, |setup| with_disk(setup, 1 << 20));
    let fits = || {
        let path = |name: &str| folder.path().join(name);
        let _ = std::fs::remove_file(path("told"));
        std::fs::write(path("ask"), "").unwrap();
        let start = Instant::now();
        while !std::fs::read_to_string(path("told")).is_ok_and(|told| told.ends_with('\n')) {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::read_to_string(path("told")).unwrap()
    };
    let filled = |role: &mut Role| {
        role.wait_for(|report| match report {
            Report::DiskFilled {
                bytes, free_bytes, ..
            }
            | Report::DiskFreed {
                bytes, free_bytes, ..
            } => Some((bytes, free_bytes)),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        })
    };
    assert_eq!(fits(), "fits\n");
    program(&mut role, ProgramCommand::FillDisk);
    let (bytes, free_bytes) = filled(&mut role);
    assert!(
        (900 << 10..1 << 20).contains(&bytes) && free_bytes == 0,
        "{bytes} {free_bytes}"
    );
    assert_eq!(fits(), "full\n");
    program(&mut role, ProgramCommand::FreeDisk);
    let (removed, free_bytes) = filled(&mut role);
    assert!(removed == bytes && free_bytes >= bytes);
    assert_eq!(fits(), "fits\n");
    // It outlives the program, as a disk does, and nobody else sees it.
    program(&mut role, ProgramCommand::Kill);
    role.program_ended();
    program(&mut role, ProgramCommand::Start);
    role.program_started();
    assert_eq!(
        std::fs::read_dir(folder.path().join("data"))
            .unwrap()
            .count(),
        0
    );
    let own = rustix::process::getuid().as_raw();
    let who = std::fs::read_to_string(folder.path().join("who")).unwrap();
    assert_eq!(who.trim(), own.to_string());
    drop(role);
    gone(folder.path());
    std::fs::remove_dir(folder.path().join("data")).unwrap();
}

#[test]
fn a_user_who_is_not_root_gets_a_disk_or_is_told_what_to_allow() {
    use std::os::unix::process::CommandExt as _;
    // Nobody's own temporary folder: others' may be closed to him.
    if !rustix::process::getuid().is_root() {
        return;
    }
    let nobody = 65534;
    let folder = tempfile::tempdir().unwrap();
    let squall = folder.path().join("squall");
    std::fs::copy(env!("CARGO_BIN_EXE_squall"), &squall).unwrap();
    let script = "df -k data | tail -1; id -u; grep NoNewPrivs /proc/self/status; echo x > data/x; \
                  echo ready; exec sleep 60";
    let mut setup = setup(folder.path(), script, says("ready"));
    with_disk(&mut setup, 1 << 20);
    for path in [folder.path().to_owned(), folder.path().join("data")] {
        std::os::unix::fs::chown(path, Some(nobody), Some(nobody)).unwrap();
    }
    let line = serde_json::to_string(&Setup::Target(Box::new(setup))).unwrap();
    let mut role = Process::new(&squall)
        .args(["role", "target"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .uid(nobody)
        .gid(nobody)
        .spawn()
        .unwrap();
    let mut stdin = role.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{line}\n").as_bytes()).unwrap();
    let mut first = String::new();
    let mut output = std::io::BufReader::new(role.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut first).unwrap();
    match serde_json::from_str(&first).unwrap() {
        Report::Ready(_) => {
            let said = std::fs::read_to_string(folder.path().join("target.log")).unwrap();
            let mut lines = said.lines();
            let disk = lines.next().unwrap();
            assert!(
                disk.starts_with("squall ") && disk.contains(" 1024 "),
                "{said}"
            );
            assert_eq!(lines.next(), Some("65534"));
        }
        Report::Refused { why, help } => {
            assert!(
                why.starts_with("no small disk: ") && help.contains("CAP_SYS_ADMIN"),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
    drop(stdin);
    role.wait().unwrap();
    gone(folder.path());
}

#[test]
fn a_folder_that_is_not_empty_takes_no_disk_and_one_without_a_disk_is_not_filled() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(folder.path(), "echo ready; exec sleep 60", says("ready"));
    with_disk(&mut setup, 1 << 20);
    std::fs::write(folder.path().join("data/old"), "").unwrap();
    let line = serde_json::to_string(&Setup::Target(Box::new(setup))).unwrap();
    let input = folder.path().join("set-up");
    std::fs::write(&input, line + "\n").unwrap();
    let output = Process::new(env!("CARGO_BIN_EXE_squall"))
        .args(["role", "target"])
        .stdin(std::fs::File::open(input).unwrap())
        .output()
        .unwrap();
    let first = String::from_utf8(output.stdout).unwrap();
    match serde_json::from_str(first.lines().next().unwrap()).unwrap() {
        Report::Refused { why, .. } => assert!(why.contains("is not empty"), "{why}"),
        other => panic!("{other:?}"),
    }

    let (_folder, mut role, _) = running("echo ready; exec sleep 60", |_| {});
    program(&mut role, ProgramCommand::FillDisk);
    let why = role.wait_for(|report| match report {
        Report::Failed { why } => Some(why),
        Report::DiskFilled { .. } => panic!("it filled the machine's disk"),
        _ => None,
    });
    assert!(why.contains("no small disk"), "{why}");
}
