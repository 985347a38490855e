//! The Nu HTML checker over all pages at once: starting Java is what takes time.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::collect::Page;
use crate::deployment::text;

/// What must be found, or the checker is not at work.
const BAD: &str = "<!doctype html><html lang=en><title>Bad</title><p><li id=a></p><b id=a>";

/// A file of a package that `./dev setup` fetched.
pub(super) fn tool(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.dev/pages");
    let packages = std::fs::read_dir(&folder).into_iter().flatten();
    let mut files = packages.map(|package| package.unwrap().path().join(name));
    let file = files.find(|file| file.is_file());
    let file = file.unwrap_or_else(|| panic!("{name} is missing; fetch it with: ./dev setup"));
    file.to_str().unwrap().to_owned()
}

pub(super) fn faults(pages: &[Page]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (number, page) in pages.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number}.html")), &page.html).unwrap();
    }
    std::fs::write(folder.path().join("bad.html"), BAD).unwrap();
    let checked = Command::new("java")
        .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss2m", "-jar", &tool("vnu.jar")])
        .args(["--errors-only", "--exit-zero-always", "--format", "json"])
        .arg(folder.path())
        .output();
    let checked = checked.unwrap_or_else(|error| {
        panic!("java cannot be started ({error}); install it: apt-get install default-jre-headless")
    });
    // The checker writes its findings to stderr.
    let report: Value = serde_json::from_slice(&checked.stderr)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&checked.stderr)));
    let (mut faults, mut found_bad) = (Vec::new(), 0);
    for message in report["messages"].as_array().unwrap() {
        let file = message["url"].as_str().unwrap_or_default().rsplit('/').next().unwrap();
        let page = file.strip_suffix(".html").and_then(|number| number.parse::<usize>().ok());
        match page {
            None if file == "bad.html" => found_bad += 1,
            None => faults.push(format!("the checker failed: {message}")),
            Some(number) => {
                let (name, what) = (&pages[number].name, &message["message"]);
                faults.push(format!("{name}: {what} near {}", message["extract"]));
            }
        }
    }
    assert!(found_bad >= 2, "the checker did not find what is wrong with a bad page: {report}");
    faults
}
