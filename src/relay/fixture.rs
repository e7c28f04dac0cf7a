//! A relay's settings for tests.

use std::time::Duration;

use super::Settings;
use super::bug::Bug;

/// Room for two requests, one worker, short times.
pub fn settings(bugs: Vec<Bug>) -> Settings {
    Settings {
        export: "http://127.0.0.1:9".to_owned(),
        export_ca: None,
        export_identity: None,
        export_headers: Vec::new(),
        tls: None,
        queue_requests: 2,
        workers: 1,
        timeout: Duration::from_secs(1),
        retry_for: Duration::from_secs(5),
        grace: Duration::from_secs(1),
        throttle: None,
        spool: None,
        max_request_bytes: 1 << 20,
        bugs,
        oracle: None,
    }
}
