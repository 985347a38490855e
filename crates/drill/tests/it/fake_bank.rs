//! A bank in memory with just the API the drills use, and with faults on request.
//!
//! It keeps keys as the real one does: the same key gets the same answer and has one effect.
//! Its faults are counted, not timed, so every run of a test meets them at the same requests.

mod books;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use drill::{
    client::{BankAddress, Token},
    target::{SignIn, Target},
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use self::books::Books;

/// What goes wrong. Zero is never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Every nth request is carried out, and then the connection is closed without an answer.
    pub(crate) drop_every: u64,
    /// Every nth request is refused with 503 and has no effect.
    pub(crate) unavailable_every: u64,
    /// Every nth posting is answered with a balance that is a cent off.
    pub(crate) wrong_balance_every: u64,
    /// Every connection is closed after so many answers.
    pub(crate) close_after: u64,
}

/// A running bank; it ends with the test's runtime.
pub(crate) struct FakeBank {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    faults: Faults,
    requests: AtomicU64,
    books: Mutex<Books>,
}

impl FakeBank {
    pub(crate) async fn start(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let books = Mutex::new(Books::new(faults.wrong_balance_every));
        let shared = Arc::new(Shared { faults, requests: AtomicU64::new(0), books });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            address: Arc::new(
                BankAddress::parse(&format!("http://{}", self.address), None).unwrap(),
            ),
            teller: Token::parse("teller").unwrap(),
            executive: Token::parse("executive").unwrap(),
            processes: Vec::new(),
            sign_in: Some(SignIn { user: "C00000003".into(), password: "right-password-1".into() }),
        }
    }

    /// Looks into the books.
    pub(crate) fn books<T>(&self, look: impl FnOnce(&mut Books) -> T) -> T {
        look(&mut self.shared.books.lock().unwrap())
    }
}

async fn serve(stream: tokio::net::TcpStream, shared: Arc<Shared>) {
    let answered = AtomicU64::new(0);
    let service = service_fn(|request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        let last = shared.faults.close_after > 0
            && answered.fetch_add(1, Ordering::Relaxed) + 1 >= shared.faults.close_after;
        async move { answer(request, &shared, last).await }
    });
    // An error here is a connection the test broke on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
    last: bool,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let turn = shared.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let is_turn = |every: u64| every > 0 && turn.is_multiple_of(every);
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut response = if is_turn(shared.faults.unavailable_every) {
        books::problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
    } else {
        let header =
            |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let key = header("idempotency-key");
        let token = header("authorization").unwrap_or_default();
        let mut books = shared.books.lock().unwrap();
        books.answer(&head.method, &head.uri, &token, key.as_deref(), &body)
    };
    if is_turn(shared.faults.drop_every) {
        return Err(io::Error::other("dropped on purpose"));
    }
    let name = if turn.is_multiple_of(2) { "server-even" } else { "server-odd" };
    response.headers_mut().insert("x-ballast-server", name.parse().unwrap());
    if last {
        response.headers_mut().insert("connection", "close".parse().unwrap());
    }
    Ok(response)
}

/// An account without an overdraft.
pub(crate) fn account(balance: i64) -> books::Account {
    books::Account { balance, limit: 0 }
}

/// A customer who is in the books already.
pub(crate) fn customer(ssn: String, name: &str) -> books::Customer {
    books::Customer { ssn, name: name.to_owned() }
}
