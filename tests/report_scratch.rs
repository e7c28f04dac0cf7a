#[path = "browser/fixture.rs"]
mod fixture;
#[test]
fn w() {
    std::fs::write(
        "/tmp/shot/fail.html",
        squall::report::html::render(&fixture::failing()),
    )
    .unwrap();
    std::fs::write(
        "/tmp/shot/pass.html",
        squall::report::html::render(&fixture::passing()),
    )
    .unwrap();
}
