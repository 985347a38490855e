//! Shows kept pages to a browser: `/page/0` and so on, each with its policy. Whatever they load
//! comes from the bank itself.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::collect::Page;
use crate::http;

/// A request of the browser is a line and some headers.
const HEAD_BYTES_MAX: usize = 16 << 10;

pub(super) struct Mirror {
    pub(super) url: String,
    server: JoinHandle<()>,
}

struct Kept {
    bank: String,
    pages: Vec<(String, String)>,
}

impl Mirror {
    pub(super) async fn open(bank: &str, pages: impl Iterator<Item = &Page>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pages = pages.map(|page| (page.policy.clone(), page.html.clone())).collect();
        let kept = Arc::new(Kept { bank: bank.trim_end_matches('/').to_owned(), pages });
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&kept)));
            }
        });
        Self { url, server }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One request; then the connection ends. A browser that hangs up is no fault.
async fn answer(mut stream: TcpStream, kept: Arc<Kept>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_buf(&mut head).await {
            Ok(0) | Err(_) => return,
            Ok(_) => assert!(head.len() < HEAD_BYTES_MAX, "a browser asks for less"),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let page =
        path.strip_prefix("/page/").map(|number| &kept.pages[number.parse::<usize>().unwrap()]);
    let (kind, policy, body) = match page {
        Some((policy, html)) => {
            ("text/html; charset=utf-8".to_owned(), policy.as_str(), html.clone().into_bytes())
        }
        None => {
            let loaded = http::get(&kept.bank, path, "").await;
            let kind = loaded.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
            (kind.to_owned(), "default-src 'none'", loaded.body.to_vec())
        }
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\
         content-security-policy: {policy}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
}
