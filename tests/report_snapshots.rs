//! What each report says of one run that failed and of one that passed.

#[path = "browser/fixture.rs"]
mod fixture;

use squall::record::{Record, Verdict};
use squall::report::explain::Filter;
use squall::report::{explain, html, junit, markdown, terminal};
use squall::signal::Signal;

#[test]
fn terminal_of_a_failed_run() {
    insta::assert_snapshot!(terminal::summary(&fixture::failing(), false, 100));
}

#[test]
fn terminal_of_a_passed_run() {
    insta::assert_snapshot!(terminal::summary(&fixture::passing(), false, 100));
}

#[test]
fn terminal_of_a_run_with_a_target() {
    insta::assert_snapshot!(terminal::summary(&fixture::targeted::one(), false, 100));
}

#[test]
fn markdown_of_a_run_with_a_target() {
    insta::assert_snapshot!(markdown::render(&fixture::targeted::one()));
}

/// The part of the page that shows the line, one element a line.
#[test]
fn the_line_of_a_page() {
    for (name, record) in [
        ("one", fixture::targeted::one()),
        ("three", fixture::targeted::three()),
    ] {
        let page = html::render(&record);
        let start = page.find("<section id=\"line\">").unwrap();
        let end = start + page[start..].find("</section>").unwrap();
        let text = page[start..end].replace("><", ">\n<");
        insta::assert_snapshot!(format!("line_of_{name}"), text);
    }
}

#[test]
fn what_targets_used_and_said_and_every_link_is_plotted_by_its_name() {
    let page = html::render(&fixture::targeted::one());
    for label in [
        r#""label":"relay""#,
        r#""label":"to-sink""#,
        r#""title":"queue""#,
    ] {
        assert!(page.contains(label), "{label}");
    }
}

#[test]
fn a_run_without_a_target_has_the_picture_alone_and_one_stored_without_its_line_has_none() {
    let mut record = fixture::failing();
    assert!(html::render(&record).contains("<section id=\"line\">"));
    assert!(!terminal::summary(&record, false, 100).contains("client -> link -> sink"));
    record.result.flow = Default::default();
    assert!(!html::render(&record).contains("id=\"line\""));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let record = fixture::failing();
    let mut text = terminal::summary(&record, true, 100);
    assert!(text.contains("\x1b[1;31m✗ FAIL\x1b[0m"));
    for code in [
        "\x1b[1;31m",
        "\x1b[1m",
        "\x1b[2m",
        "\x1b[32m",
        "\x1b[33m",
        "\x1b[0m",
    ] {
        text = text.replace(code, "");
    }
    assert_eq!(text, terminal::summary(&record, false, 100));
}

#[test]
fn markdown_of_a_failed_run() {
    insta::assert_snapshot!(markdown::render(&fixture::failing()));
}

#[test]
fn markdown_of_a_passed_run() {
    insta::assert_snapshot!(markdown::render(&fixture::passing()));
}

#[test]
fn junit_of_a_failed_run() {
    insta::assert_snapshot!(junit::render(&fixture::failing()));
}

#[test]
fn explain_tells_every_cause() {
    insta::assert_snapshot!(explain::render(&fixture::failing(), &Filter::default()));
}

#[test]
fn explain_can_be_narrowed() {
    let filter = Filter {
        class: Some("lost_silently".to_owned()),
        signal: Some(Signal::Logs),
    };
    insta::assert_snapshot!(explain::render(&fixture::failing(), &filter));
}

#[test]
fn explain_does_not_praise_a_run_that_generated_nothing() {
    let mut record = fixture::passing();
    for ledger in record.result.ledger.values_mut() {
        *ledger = Default::default();
        ledger.closes = true;
    }
    let text = explain::render(&record, &Filter::default());
    assert!(text.contains("Nothing was generated"), "{text}");
}

#[test]
fn explain_says_plainly_that_nothing_was_lost() {
    insta::assert_snapshot!(explain::render(&fixture::passing(), &Filter::default()));
}

#[test]
fn a_ledger_that_does_not_close_is_told_everywhere() {
    let mut record = fixture::passing();
    record.result.verdict = Verdict::Inconclusive;
    let ledger = record.result.ledger.get_mut(&Signal::Logs).unwrap();
    ledger.closes = false;
    ledger.delivered -= 1;
    ledger.why_not = vec!["item 0/17 has no class".to_owned()];
    for text in every_report(&record) {
        assert!(text.contains("item 0/17 has no class"), "{text}");
    }
    for text in &every_report(&record)[..3] {
        assert!(text.contains("✗ does not close: off by 1"), "{text}");
    }
}

fn every_report(record: &Record) -> Vec<String> {
    vec![
        terminal::summary(record, false, 100),
        markdown::render(record),
        html::render(record),
        explain::render(record, &Filter::default()),
    ]
}

#[test]
fn the_page_is_self_contained_small_and_escaped() {
    let page = html::render(&fixture::failing());
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    for outside in ["<link", "<img", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let addresses = page.matches("http://").count() + page.matches("https://").count();
    // The namespace of SVG is a name, not an address.
    assert_eq!(
        addresses,
        page.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(
        !page.contains("</script><b>shop"),
        "the plan's text escaped its element"
    );
    assert!(page.contains("&lt;/script&gt;&lt;b&gt;shop"));
    assert!(page.contains("0.1.0 &lt;&amp;&gt; &quot;quoted&quot;"));
    assert!(!page.contains("hunter2"), "a secret stands in the page");
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn a_name_cannot_end_the_data_of_the_plots() {
    let mut record = fixture::passing();
    record.result.phases[0].name = "</script><script>alert(1)</script>".to_owned();
    let page = html::render(&record);
    assert!(!page.contains("<script>alert"));
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn a_run_of_which_nothing_is_known_is_reported_all_the_same() {
    let mut record = fixture::passing();
    record.series = Default::default();
    record.histograms = Default::default();
    record.result.ledger.clear();
    record.result.metrics.clear();
    record.result.checks.clear();
    record.result.faults.clear();
    record.result.phases.clear();
    for text in every_report(&record) {
        assert!(text.contains("quickstart"));
    }
    assert!(junit::render(&record).contains("tests=\"0\""));
}
