//! The page in a real browser, offline: no error, and every plot drawn, in dark and in light.

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/fixture.rs"]
mod fixture;

use chromium::Browser;
use squall::report::html;

#[test]
fn every_plot_is_drawn_without_an_error_in_dark_and_light() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, record) in [
        ("failing", fixture::failing()),
        ("passing", fixture::passing()),
        ("targeted", fixture::targeted::one()),
    ] {
        let page = folder.path().join(format!("{name}.html"));
        let text = html::render(&record);
        let planned = text.matches("<figure class=\"plot\"").count();
        assert!(planned >= 15, "{name}: only {planned} plots in the page");
        std::fs::write(&page, text).unwrap();
        for dark in [false, true] {
            let seen = browser.open(&page, dark);
            let theme = if dark { "dark" } else { "light" };
            assert!(
                !seen.dom.contains("data-error="),
                "{name}, {theme}: {}",
                seen.root()
            );
            assert_eq!(seen.console_errors(), Vec::<&str>::new(), "{name}, {theme}");
            let drawn = format!("data-plots=\"{planned}\"");
            assert!(
                seen.root().contains(&drawn),
                "{name}, {theme}: {}",
                seen.root()
            );
            // The paths themselves, not only the script's word for them.
            assert!(seen.dom.matches("style=\"stroke: var(--").count() >= 2 * planned);
        }
    }
}

#[test]
fn the_picture_of_the_line_names_every_station_and_every_fault() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, record) in [
        ("one", fixture::targeted::one()),
        ("three", fixture::targeted::three()),
    ] {
        let page = folder.path().join(format!("{name}.html"));
        std::fs::write(&page, html::render(&record)).unwrap();
        let seen = browser.open(&page, false);
        let start = seen.dom.find("<svg class=\"line\"").unwrap();
        let end = start + seen.dom[start..].find("</svg>").unwrap();
        let picture = &seen.dom[start..end];
        for station in &record.result.flow.stations {
            let named = format!("<title>{}: ", station.name);
            assert!(picture.contains(&named), "{name}: no station {named}");
        }
        for fault in &record.result.faults {
            // A fault of the machine stands below, and in the words of the picture.
            assert!(
                picture.contains(&fault.name),
                "{name}: no fault {}",
                fault.name
            );
        }
        for placed in &record.result.flow.lost_at {
            let class = placed.class.replace('_', " ");
            assert!(picture.contains(&class), "{name}: no {class}");
        }
    }
}

/// A script that throws must be seen by the test above: plots of which the page's data know nothing.
#[test]
fn an_error_of_the_script_is_noticed() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("broken.html");
    let text = html::render(&fixture::passing()).replace("data-group=\"0\"", "data-group=\"99\"");
    std::fs::write(&page, text).unwrap();
    let seen = browser.open(&page, false);
    assert!(seen.dom.contains("data-error="));
    assert!(!seen.console_errors().is_empty());
    assert!(!seen.root().contains("data-plots="));
}
