//! Debian's chromium behind its own chromedriver on a free port.

pub(crate) mod devtools;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, json};

/// What staff choose when they must.
pub(crate) const CHOSEN: &str = "violet+Tram4gravel";

/// A browser with an empty profile; `close` it at the end of the test.
pub(crate) struct Browser {
    client: Client,
    base: String,
    driver: Driver,
    _profile: tempfile::TempDir,
}

/// What a page is looked at with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Device {
    Desk,
    /// 360 x 800 CSS pixels, the commonest size of a phone.
    Phone,
    /// A desk whose browser runs no page's JavaScript.
    DeskWithoutScripts,
}

struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Browser {
    pub(crate) async fn open(base: &str) -> Self {
        Self::open_on(Device::Desk, base).await
    }

    pub(crate) async fn open_on(device: Device, base: &str) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "chromedriver cannot be started ({error}); install it with: \
                     apt-get install -y chromium chromium-driver"
                )
            });
        let driver = Driver(driver);
        let profile = tempfile::tempdir().unwrap();
        let client = connect(port, profile.path().to_str().unwrap(), device).await;
        let base = base.trim_end_matches('/').to_owned();
        Self { client, base, driver, _profile: profile }
    }

    pub(crate) async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
    }

    pub(crate) async fn sign_in(&self, user: &str, password: &str) {
        if !self.address().await.contains("/sign-in") {
            self.go("/sign-in").await;
        }
        self.fill("user", user).await;
        self.fill("password", password).await;
        self.submit().await;
        self.wait_for("Sign out").await;
        if self.address().await.contains("/me/password") {
            self.choose_password(password).await;
        }
    }

    /// What a one-time password is good for.
    async fn choose_password(&self, one_time: &str) {
        for (field, value) in [("current", one_time), ("new", CHOSEN), ("again", CHOSEN)] {
            self.fill(field, value).await;
        }
        self.submit().await;
        self.wait_until("the way on after a password was chosen", async || {
            !self.address().await.contains("/me/password")
        })
        .await;
    }

    pub(crate) async fn sign_out(&self) {
        let button = self.find("form[action='/sign-out'] button").await;
        button.click().await.unwrap();
        self.wait_for("Sign in").await;
    }

    /// Presses and releases keys, one after the other, wherever the focus is.
    pub(crate) async fn press(&self, keys: &[char]) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.iter().copied() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Presses a key while another is held.
    pub(crate) async fn press_with(&self, held: char, value: char) {
        let actions = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: held })
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value })
            .then(KeyAction::Up { value: held });
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Replaces what stands in a field.
    pub(crate) async fn fill(&self, name: &str, value: &str) {
        self.type_into(name, value).await;
    }

    /// Replaces what stands in a field, and sends its form.
    pub(crate) async fn fill_and_enter(&self, name: &str, value: &str) {
        self.type_into(name, &format!("{value}\u{e007}")).await;
    }

    /// A field that was found on a page which makes way for the next is looked for again.
    async fn type_into(&self, name: &str, keys: &str) {
        let typed = async || {
            let field = self.find(&format!("main [name='{name}']")).await;
            field.clear().await.is_ok() && field.send_keys(keys).await.is_ok()
        };
        self.wait_until(name, typed).await;
    }

    /// Chooses in a list by the value.
    pub(crate) async fn choose(&self, name: &str, value: &str) {
        let chosen = async || {
            let list = self.find(&format!("main select[name='{name}']")).await;
            list.select_by_value(value).await.is_ok()
        };
        self.wait_until(name, chosen).await;
    }

    pub(crate) async fn submit(&self) {
        self.find("main form button.main").await.click().await.unwrap();
    }

    /// Sends the form as a browser without checks of its own would.
    pub(crate) async fn submit_unchecked(&self) {
        self.run("document.querySelector('main form').noValidate = true").await;
        self.submit().await;
        self.wait_until("an error beside a field", async || self.is_there("p.error").await).await;
    }

    /// Two clicks in one turn of the page's loop: nothing can answer in between.
    pub(crate) async fn double_click_submit(&self) {
        self.run(
            "const button = document.querySelector('main form button.main'); \
             button.click(); button.click();",
        )
        .await;
    }

    pub(crate) async fn submit_if_there(&self) {
        if self.is_there("main form button.main").await {
            self.submit().await;
        }
    }

    /// Confirms, and waits until the confirmation is answered.
    pub(crate) async fn confirm(&self) {
        self.wait_until("a confirmation", async || self.is_there("button[value='post']").await)
            .await;
        self.find("button[value='post']").await.click().await.unwrap();
        self.wait_until("an answer", async || self.is_there(".notice").await).await;
    }

    pub(crate) async fn click_link(&self, text: &str) {
        self.click_on(Locator::LinkText(text)).await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.click_on(Locator::Css(selector)).await;
    }

    /// Presses the button of the page that says this.
    pub(crate) async fn click_button(&self, text: &str) {
        let button = format!("//main//button[normalize-space()='{text}']");
        self.click_on(Locator::XPath(&button)).await;
    }

    /// Clicks once. What was found on a page that makes way for the next is looked for again: it was
    /// not clicked.
    async fn click_on(&self, what: Locator<'_>) {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let wait = self.client.wait().at_most(Duration::from_secs(15));
            let found = match wait.for_element(what).await {
                Ok(found) => found,
                Err(error) => panic!("no {what:?}: {error}\n{}", self.page().await),
            };
            match found.click().await {
                Ok(()) => return,
                Err(error) if error.is_stale_element_reference() && Instant::now() < deadline => {}
                Err(error) => panic!("{what:?} is not clicked: {error}\n{}", self.page().await),
            }
        }
    }

    pub(crate) async fn refresh(&self) {
        self.client.refresh().await.unwrap();
    }

    pub(crate) async fn back(&self) {
        self.client.back().await.unwrap();
    }

    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    pub(crate) async fn value(&self, name: &str) -> String {
        let field = self.find(&format!("main [name='{name}']")).await;
        field.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Waits until the page shows a text.
    pub(crate) async fn wait_for(&self, text: &str) {
        self.wait_until(text, async || self.shows(text).await).await;
    }

    /// Saves what the page looks like.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
        let file = folder.join(format!("{name}.png"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, self.client.screenshot().await.unwrap()).unwrap();
    }

    pub(crate) async fn shows(&self, text: &str) -> bool {
        // A page on its way has no body yet.
        match self.client.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.is_ok_and(|shown| shown.contains(text)),
            Err(_) => false,
        }
    }

    /// The first heading; empty while a page is on its way.
    pub(crate) async fn headline(&self) -> String {
        match self.client.find(Locator::Css("h1")).await {
            Ok(heading) => heading.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// What an expression in the page's own world is worth.
    pub(crate) async fn value_of(&self, expression: &str) -> serde_json::Value {
        self.client.execute(&format!("return {expression}"), Vec::new()).await.unwrap()
    }

    pub(crate) async fn is_there(&self, selector: &str) -> bool {
        self.client.find(Locator::Css(selector)).await.is_ok()
    }

    /// How often the page has it; `None` while a page makes way for the next.
    pub(crate) async fn count(&self, selector: &str) -> Option<usize> {
        self.client.find_all(Locator::Css(selector)).await.ok().map(|found| found.len())
    }

    async fn find(&self, selector: &str) -> Element {
        let wait = self.client.wait().at_most(Duration::from_secs(15));
        match wait.for_element(Locator::Css(selector)).await {
            Ok(element) => element,
            Err(error) => panic!("no {selector}: {error}\n{}", self.page().await),
        }
    }

    pub(crate) async fn run(&self, script: &str) {
        self.client.execute(script, Vec::new()).await.unwrap();
    }

    /// Waits until `done` is so; fails the test after 15 seconds.
    pub(crate) async fn wait_until(&self, what: &str, done: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while !done().await {
            assert!(Instant::now() < deadline, "not within 15 s: {what}\n{}", self.page().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn page(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await;
        let text = match body {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        format!("{}: {text}", self.address().await)
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
        drop(self.driver);
    }
}

/// Waits for the driver to listen, then for the browser to start.
async fn connect(port: u16, profile: &str, device: Device) -> Client {
    let mut options = json!({ "args": [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--window-size=1200,900",
        format!("--user-data-dir={profile}"),
    ] });
    match device {
        Device::Desk => {}
        // A window of the desk cannot be made that narrow.
        Device::Phone => {
            let screen = json!({ "width": 360, "height": 800, "pixelRatio": 1.0, "touch": true });
            options["mobileEmulation"] = json!({ "deviceMetrics": screen });
        }
        // 2 is "block", as in the browser's settings of a site.
        Device::DeskWithoutScripts => {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
    }
    let mut capabilities = Map::new();
    capabilities.insert("goog:chromeOptions".to_owned(), options);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        match connected {
            Ok(client) => return client,
            Err(error) if Instant::now() > deadline => panic!("no browser in 30 s: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
