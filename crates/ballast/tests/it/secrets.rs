//! I12: no secret, social security number, name or password reaches a log, a URL that is logged, a
//! metric or an error. Known ones are planted by every way in, through every page and form, with
//! the logs at their most talkative, a death and a replay; then all that was written or can be
//! asked for is searched.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::browser::chromium::CHOSEN;
use crate::deployment::{Deployment, kill};
use crate::http::{self, Answer};
use crate::pages::collect;
use crate::pages::scene::{LONG_ADDRESS, LONG_NAME};

const SSN: &str = "917384625";
const NAME: &str = "Zyxwvut Quillfeather";
const STREET: &str = "77 Marzipan Crescent";
const WRONG_PASSWORD: &str = "tangerine-Lamp-40961";
/// Typed into the field of the user, as happens.
const PASSWORD_AS_USER: &str = "mistyped-Plume-77310";

/// What must be found nowhere, with what it is.
type Planted = Vec<(&'static str, String)>;

fn planted(bank: &Deployment) -> Planted {
    let (executive, teller) = bank.tokens();
    let mut planted = vec![
        ("social security number", SSN.to_owned()),
        ("name", NAME.to_owned()),
        ("address", STREET.to_owned()),
        ("wrong password", WRONG_PASSWORD.to_owned()),
        ("password typed as user", PASSWORD_AS_USER.to_owned()),
        ("executive's token", executive),
        ("teller's token", teller),
    ];
    let keys = std::fs::read(bank.data().join("data-keys.json")).unwrap();
    let keys: Value = serde_json::from_slice(&keys).unwrap();
    for key in [&keys["index"], &keys["keys"][0]] {
        planted.push(("data key", key.as_str().unwrap().to_owned()));
    }
    for user in ["C00000001", "C00000002", "C00000003", "C00000004", "C00000005"] {
        planted.push(("one-time password", bank.password(user)));
    }
    planted
}

/// All files below a folder; what is no file (a socket) holds nothing.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// Which of the planted a text holds: as it is, or as it stands in a URL.
fn found_in(planted: &Planted, text: &[u8]) -> Vec<&'static str> {
    let holds = |needle: &str| text.windows(needle.len()).any(|part| part == needle.as_bytes());
    let held = |value: &str| {
        holds(value) || holds(&value.replace(' ', "+")) || holds(&value.replace(' ', "%20"))
    };
    planted.iter().filter(|(_, value)| held(value)).map(|(what, _)| *what).collect()
}

/// What a page's form sends.
async fn form(base: &str, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let cookie = format!("ballast={cookie}");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("cookie", &cookie)];
    http::send_bytes("POST", base, path, "", &headers, body.into()).await
}

/// Signs in, rightly and wrongly; gives a live cookie.
async fn sign_in(bank: &Deployment, planted: &mut Planted, errors: &mut Vec<Answer>) -> String {
    let url = &bank.url;
    // Signing in: rightly by API and page, wrongly, and with the password in the wrong field.
    let body = json!({ "user": "C00000003", "password": bank.password("C00000003") });
    let signed_in = http::send("POST", url, "/api/v1/sessions", "", &[], &body).await;
    planted.push(("token", signed_in.json()["token"].as_str().unwrap().to_owned()));
    for (user, password) in [("C00000002", WRONG_PASSWORD), (PASSWORD_AS_USER, "x")] {
        let body = json!({ "user": user, "password": password });
        errors.push(http::send("POST", url, "/api/v1/sessions", "", &[], &body).await);
        let fields = [("user", user), ("password", password)];
        let page = form(url, "/sign-in", "", &fields).await;
        assert_eq!(page.status, 401);
    }
    let fields = [("user", "C00000001"), ("password", &*bank.password("C00000001"))];
    let page = form(url, "/sign-in", "", &fields).await;
    assert_eq!(page.status, 303);
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    planted.push(("cookie", cookie.clone()));
    cookie
}

/// Adds a customer and does with it all that can be done wrongly; gives its path.
async fn add_customer(bank: &Deployment, cookie: &str, errors: &mut Vec<Answer>) -> String {
    let url = &bank.url;
    let (executive, teller) = bank.tokens();
    // A customer: added, taken, found, shown, badly written, in bodies of every wrong kind.
    let customer = |age: Value| {
        json!({ "ssn": SSN, "name": NAME, "address": STREET, "age": age, "state": "NJ",
                "city": "Newark" })
    };
    let path = "/api/v1/customers";
    let made = http::post(url, path, &executive, "k", &customer(json!("36"))).await;
    assert_eq!(made.status, 201);
    let number = made.json()["number"].as_str().unwrap().to_owned();
    errors.push(http::post(url, path, &executive, "k", &customer(json!("36"))).await);
    errors.push(http::post(url, path, &executive, "k", &customer(json!({ "a": SSN }))).await);
    errors.push(http::post(url, path, &teller, "k", &customer(json!("36"))).await);
    let broken = format!("{{\"ssn\":\"{SSN}\",\"name\":\"{NAME}\",");
    let headers = [("content-type", "application/json")];
    let sent = http::send_bytes("POST", url, path, &executive, &headers, broken.into()).await;
    errors.push(sent);
    let search = json!({ "ssn": SSN });
    let found = http::post(url, "/api/v1/customers/search", &executive, "k", &search).await;
    assert_eq!(found.json()["customers"][0]["number"], *number);
    let shown =
        http::post(url, &format!("{path}/{number}/ssn"), &executive, "k", &Value::Null).await;
    assert_eq!(shown.json()["ssn"], SSN);
    let page = form(url, "/customers/find", cookie, &[("ssn", SSN)]).await;
    assert_eq!(page.status, 403, "a password is due first");
    format!("{path}/{number}")
}

/// Every page of the bank in every state, and all that people type into their forms.
async fn walk_pages(bank: &Deployment, planted: &mut Planted) {
    let pages = collect::all(bank).await;
    assert!(pages.len() > 150, "only {} pages", pages.len());
    for (what, value) in [
        ("name", LONG_NAME),
        ("name", "Mary Somerville"),
        ("address", LONG_ADDRESS),
        ("social security number", "100000001"),
        ("social security number", "100000009"),
        ("chosen password", CHOSEN),
    ] {
        planted.push((what, value.to_owned()));
    }
}

/// What operators read of each process.
async fn assert_nothing_in_metrics(bank: &Deployment, planted: &Planted) {
    for role in ["server", "balancer", "front_door"] {
        for address in bank.addresses(role) {
            for path in ["/metrics", "/status.json"] {
                let answer = http::get(&address, path, "").await;
                assert_eq!(answer.status, 200, "{address}{path}");
                let found = found_in(planted, &answer.body);
                assert!(found.is_empty(), "{role} {path}: {found:?}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_secret_is_written_where_operators_read() {
    let bank = Deployment::up_with_log("debug");
    let mut planted = planted(&bank);
    let mut errors = Vec::new();
    let cookie = sign_in(&bank, &mut planted, &mut errors).await;
    let customer = add_customer(&bank, &cookie, &mut errors).await;

    // Money, a death under way, and a whole replay.
    let (executive, path) = (bank.tokens().0, format!("{customer}/accounts"));
    let opened = http::post(&bank.url, &path, &executive, "o", &json!({ "kind": "current" })).await;
    assert_eq!(opened.status, 201);
    let processes = bank.processes();
    let server = processes.iter().find(|process| process["role"] == "server").unwrap();
    kill(server["pid"].as_u64().unwrap());
    let day = bank.folder.path().join("day.csv");
    let day = day.to_str().unwrap();
    bank.run(&["replay", "--generate", "3", "--output", day]);
    let replayed = bank.run(&["replay", day]);
    // Last, because passwords are reset on the way, which ends the tokens that were used above.
    walk_pages(&bank, &mut planted).await;

    // The search finds what is there: the tokens are where they belong, in their owner's file.
    let credentials = std::fs::read(bank.data().join("credentials.json")).unwrap();
    assert!(found_in(&planted, &credentials).contains(&"teller's token"));
    let logs = files(&bank.data().join("logs"));
    assert!(logs.len() >= 7, "{logs:?}");
    let bytes: u64 = logs.iter().map(|log| log.metadata().unwrap().len()).sum();
    assert!(bytes > 10_000, "the logs say too little to prove anything: {bytes} bytes");
    for file in logs.iter().chain(&files(&bank.data().join("run"))) {
        let found = found_in(&planted, &std::fs::read(file).unwrap());
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
    assert!(found_in(&planted, replayed.as_bytes()).is_empty(), "{replayed}");
    assert_nothing_in_metrics(&bank, &planted).await;
    for error in errors {
        assert!(error.status.is_client_error(), "{}", error.status);
        let found = found_in(&planted, &error.body);
        assert!(found.is_empty(), "{}: {found:?}", String::from_utf8_lossy(&error.body));
    }
    // The books hold what they are for, no secret that lets anybody in, and no social security
    // number that can be read.
    planted.retain(|(what, _)| !["name", "address"].contains(what));
    for name in ["bank.db", "bank.db-wal"] {
        let found = found_in(&planted, &std::fs::read(bank.data().join(name)).unwrap());
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}
