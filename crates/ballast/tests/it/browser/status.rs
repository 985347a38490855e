//! The status page of a real deployment: on a desk, on a phone and without JavaScript; it tells of
//! a server that dies while somebody looks.

use super::chromium::{Browser, Device};
use crate::deployment::{Deployment, kill};

const VICTIM: &str = "applicationServer01-east";

#[tokio::test]
async fn the_status_page_shows_the_bank_and_a_death_in_it() {
    let bank = Deployment::up();
    let desk = Browser::open(&bank.url).await;
    let without_scripts = Browser::open_on(Device::DeskWithoutScripts, &bank.url).await;
    for browser in [&desk, &without_scripts] {
        browser.go("/status").await;
        browser.wait_for("All is well: 4 servers in 2 regions.").await;
        shows_all(&bank, browser).await;
    }
    // The script of the page takes the place of the words for those who have none.
    let plain = "document.querySelector('#contact noscript') !== null";
    desk.wait_until("a later picture", async || desk.value_of(plain).await == false).await;
    desk.picture("status").await;
    assert_eq!(without_scripts.value_of(plain).await, true, "the script did not run");
    without_scripts.picture("status-without-scripts").await;
    on_a_phone(&bank).await;

    // A new page would have forgotten it.
    desk.run("window.isTheSamePage = true").await;
    for (browser, picture) in [(&desk, "status-death"), (&without_scripts, "status-death-plain")] {
        // The supervisor starts it again, so it dies until the page has seen that.
        browser
            .wait_until("the page tells of the death", async || {
                kill_if_running(&bank, VICTIM);
                let headline = browser.headline().await;
                headline.contains(VICTIM) && !headline.contains("slow start")
            })
            .await;
        browser.picture(picture).await;
    }
    assert_eq!(desk.value_of("window.isTheSamePage").await, true, "changed without loading again");
    assert!(desk.shows("applicationServer02-east").await, "the others are still there");
    desk.close().await;
    without_scripts.close().await;
}

async fn shows_all(bank: &Deployment, browser: &Browser) {
    let processes = bank.processes();
    assert_eq!(processes.len(), 7, "{processes:?}");
    let names = processes.iter().map(|process| process["name"].as_str().unwrap());
    for wanted in names.chain(["Region east", "Region west", "home region"]) {
        assert!(browser.shows(wanted).await, "{wanted}");
    }
}

async fn on_a_phone(bank: &Deployment) {
    let phone = Browser::open_on(Device::Phone, &bank.url).await;
    phone.go("/status").await;
    phone.wait_for("All is well").await;
    shows_all(bank, &phone).await;
    assert_eq!(phone.value_of("window.innerWidth").await, 360);
    let width = phone.value_of("document.documentElement.scrollWidth").await;
    assert_eq!(width, 360, "nothing is wider than the screen");
    // The facts of the front door: four in the first line, three in the second.
    let lines = "[...new Set([...document.querySelectorAll('.door dl > div')] \
                 .map((fact) => fact.offsetTop))].length";
    assert_eq!(phone.value_of(lines).await, 2);
    phone.picture("status-phone").await;
    phone.close().await;
}

fn kill_if_running(bank: &Deployment, name: &str) {
    let processes = bank.processes();
    let process = processes.iter().find(|process| process["name"] == name).unwrap();
    if let ("running", Some(pid)) = (process["state"].as_str().unwrap(), process["pid"].as_u64()) {
        kill(pid);
    }
}
