//! What WebDriver has no word for: screens and preferences of other people, and their pictures.

use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::Browser;

/// Who looks at a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) dark: bool,
    /// In CSS pixels.
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// A command of the DevTools protocol, by way of chromedriver.
#[derive(Debug)]
struct Command {
    name: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.name, "params": self.parameters });
        (Method::POST, Some(body.to_string()))
    }
}

impl Browser {
    /// Shows this page, and those that follow, as somebody else sees them; nothing moves.
    pub(crate) async fn look(&self, look: Look) {
        let scheme = if look.dark { "dark" } else { "light" };
        let screen = json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1,
                             "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Nothing of the browser's own in pictures.
    pub(crate) async fn hide_scrollbars(&self) {
        self.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
    }

    /// Runs a script in every page to come, before the page's own.
    pub(crate) async fn run_in_every_page(&self, script: &str) {
        let source = json!({ "source": script });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    }

    async fn devtools(&self, name: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(Command { name, parameters }).await.unwrap()
    }

    /// What a script gives to the function that is its last argument.
    pub(crate) async fn value_later(&self, script: &str) -> Value {
        self.client.execute_async(script, Vec::new()).await.unwrap()
    }

    /// The value of a cookie of the bank.
    pub(crate) async fn cookie(&self, name: &str) -> String {
        self.client.get_named_cookie(name).await.unwrap().value().to_owned()
    }

    /// The tab that is used.
    pub(crate) async fn tab(&self) -> WindowHandle {
        self.client.window().await.unwrap()
    }

    /// Waits for a second tab.
    pub(crate) async fn other_tab(&self, first: &WindowHandle) -> WindowHandle {
        let others = async || {
            let tabs = self.client.windows().await.unwrap();
            tabs.into_iter().find(|tab| tab != first)
        };
        self.wait_until("a second tab", async || others().await.is_some()).await;
        others().await.unwrap()
    }

    pub(crate) async fn to_tab(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.unwrap();
    }
}
