//! The shipped scenario through Toxiproxy: planned where its client is built in, refused with the
//! way to mend it where it is not. `just bench` passes it by, for it needs a Toxiproxy.

use std::path::Path;

use squall::plan::LinkBackend;
use squall::plan::toxiproxy::ToxiproxyServer;
use squall::scenario::load;

const SCENARIO: &str = "scenarios/toxiproxy/latency.yaml";

#[test]
fn it_is_planned_only_with_the_feature() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCENARIO);
    let planned = load(&path, &[]);
    if cfg!(feature = "toxiproxy") {
        let plan = planned.unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(plan.links[0].via, LinkBackend::Toxiproxy);
        let command = ToxiproxyServer::Command("toxiproxy-server".to_owned());
        assert_eq!(plan.links[0].toxiproxy, Some(command));
        return;
    }
    let problems = planned.unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.contains("without Toxiproxy's client"));
    let shown = format!("{problems:?}");
    assert!(shown.contains("--features toxiproxy"), "{shown}");
}

#[cfg(not(feature = "toxiproxy"))]
#[test]
fn without_the_feature_neither_check_nor_run_takes_it() {
    for command in ["check", "run"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_squall"))
            .args([command, SCENARIO])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("--features toxiproxy"), "{command}: {said}");
    }
}
