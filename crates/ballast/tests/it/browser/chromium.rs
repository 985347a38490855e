//! Debian's chromium behind its own chromedriver on a free port.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder};
use serde_json::{Map, json};

/// A browser with an empty profile; `close` it at the end of the test.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Driver,
    _profile: tempfile::TempDir,
}

struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Browser {
    pub(crate) async fn open() -> Self {
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
        let client = connect(port, profile.path().to_str().unwrap()).await;
        Self { client, driver, _profile: profile }
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
        drop(self.driver);
    }
}

/// Waits for the driver to listen, then for the browser to start.
async fn connect(port: u16, profile: &str) -> Client {
    let mut capabilities = Map::new();
    capabilities.insert(
        "goog:chromeOptions".to_owned(),
        json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--window-size=1200,900",
            format!("--user-data-dir={profile}"),
        ] }),
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let connected = ClientBuilder::rustls()
            .unwrap()
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
