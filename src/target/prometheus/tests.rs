//! Texts as programs write them, and as they should not.

use proptest::prelude::*;

use super::*;

const TEXT: &str = r#"
# HELP otelcol_exporter_queue_size Current size of the queue
# TYPE otelcol_exporter_queue_size gauge
otelcol_exporter_queue_size{exporter="otlp",data_type="traces"} 7
otelcol_exporter_queue_size{exporter="otlp",data_type="logs"} 5 1700000000000
otelcol_exporter_queue_size{exporter="debug"} 100
# TYPE sent counter
sent_total{to="a,b={c}\"\\\n"} 1.5e3 # {trace_id="x"} 0.7 1700000000
sent_created{to="x"} 9
# TYPE took histogram
took_bucket{le="+Inf"} 3
took_count 3
nothing NaN
endless +Inf
ns:with:colons -1
# EOF
"#;

fn read(text: &str, selectors: &[&str]) -> BTreeMap<String, Reading> {
    let wanted = selectors
        .iter()
        .map(|selector| ((*selector).to_owned(), selector.parse().unwrap()))
        .collect();
    select(text, &wanted)
}

fn value(text: &str, selector: &str) -> Option<f64> {
    read(text, &[selector])
        .get(selector)
        .map(|found| found.value)
}

#[test]
fn what_matches_is_summed() {
    for (selector, expected) in [
        ("otelcol_exporter_queue_size", Some(112.0)),
        (
            r#"otelcol_exporter_queue_size{exporter="otlp"}"#,
            Some(12.0),
        ),
        (
            r#"otelcol_exporter_queue_size { exporter = "otlp", data_type="logs", }"#,
            Some(5.0),
        ),
        (r#"otelcol_exporter_queue_size{data_type=""}"#, Some(100.0)),
        (r#"otelcol_exporter_queue_size{exporter="none"}"#, None),
        ("otelcol_exporter_queue", None),
        ("sent", Some(1500.0)),
        ("sent_total", Some(1500.0)),
        (r#"sent{to="a,b={c}\"\\\n"}"#, Some(1500.0)),
        ("otelcol_exporter_queue_size_total", Some(112.0)),
        ("took_count", Some(3.0)),
        (r#"took_bucket{le="+Inf"}"#, Some(3.0)),
        ("nothing", None),
        ("endless", None),
        ("ns:with:colons", Some(-1.0)),
    ] {
        assert_eq!(value(TEXT, selector), expected, "{selector}");
    }
}

#[test]
fn the_very_name_goes_before_a_similar_one() {
    let text = "x 1\nx_total 10\nx_total 20";
    assert_eq!(value(text, "x"), Some(1.0));
    assert_eq!(value(text, "x_total"), Some(30.0));
}

#[test]
fn what_only_grows_is_known() {
    let readings = read(TEXT, &["sent", "took_count", "otelcol_exporter_queue_size"]);
    let is_counter = |name| readings[name].is_counter;
    assert!(is_counter("sent") && is_counter("took_count"));
    assert!(!is_counter("otelcol_exporter_queue_size"));
}

#[test]
fn broken_lines_are_passed_over_and_others_read() {
    let text = "x{a=\"b 1\nx{a} 1\nx one\nx\n{} 3\n=\nx{a=\"b\"} 2";
    assert_eq!(value(text, "x"), Some(2.0));
    assert_eq!(value("", "x"), None);
}

#[test]
fn a_counter_that_goes_back_is_continued_and_a_gauge_is_not() {
    let mut continued = Continued::default();
    let mut see = |value, is_counter| {
        let reading = Reading { value, is_counter };
        continued.go_on([("x".to_owned(), reading)].into())["x"]
    };
    assert_eq!(
        [5.0, 8.0, 2.0, 3.0, 0.0].map(|v| see(v, true)),
        [5.0, 8.0, 10.0, 11.0, 11.0]
    );
    assert_eq!([5.0, 2.0].map(|v| see(v, false)), [5.0, 2.0]);
}

#[test]
fn what_is_not_a_selector_has_a_place() {
    for (text, at) in [
        ("", 0),
        ("{a=\"b\"}", 0),
        ("x{a=b}", 1),
        ("x y", 2),
        ("x{a=\"b\"", 1),
    ] {
        assert_eq!(text.parse::<Selector>().unwrap_err().at, at, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text: String, selector: String) {
        let _ = selector.parse::<Selector>();
        read(&text, &["x", "y{a=\"b\"}"]);
    }

    #[test]
    fn almost_right_lines_do_not_panic(text in "(x|y_total|# TYPE)[ {},=\"a-c\\\\0-9\n]{0,40}") {
        read(&text, &["x", "y{a=\"b\"}"]);
    }

    #[test]
    fn any_label_value_is_found_again(label in "\\PC{0,20}|[\"\\\\\n,={}]{1,6}", number in -1e9..1e9) {
        let escaped = label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let line = format!("x{{other=\"1\",a=\"{escaped}\"}} {number}");
        let wanted = Selector { name: "x".to_owned(), labels: [("a".to_owned(), label)].into() };
        let found = select(&line, &[("k".to_owned(), wanted)].into());
        prop_assert_eq!(found["k"].value, number);
    }
}
