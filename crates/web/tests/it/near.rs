//! Servers far from the primary with a replica near them, as browsers and programs see it.

use std::time::{Duration, Instant};

use http::Method;
use ledger::receipt::{Durability, PublicKeys};
use serde_json::{Value, json};
use store::{DatabaseUrl, Store};

use crate::bank::{Answer, Bank, PASSWORD, config, usd};
use crate::cluster::{Standby, database};
use crate::pages::{get, hidden, submit};
use crate::relay::Relay;

const WITHIN: Duration = Duration::from_secs(20);

/// A bank that is asked through a server on the other coast.
struct Far {
    bank: Bank,
    standby: Standby,
    relay: Relay,
}

impl Far {
    async fn open() -> Self {
        let url = database().await;
        let bank = Bank::at(&DatabaseUrl::parse(&url).unwrap()).await;
        let standby = Standby::start();
        let (relay, far) = Relay::start(&url).await;
        let near = format!("{}?sslmode=disable", standby.url(url.split('?').next().unwrap()));
        let (far, near) = (DatabaseUrl::parse(&far).unwrap(), DatabaseUrl::parse(&near).unwrap());
        let store = Store::open_with_replicas(&far, Some(&near)).unwrap();
        let config = web::Config { durability: Durability::Zone, ..config("far") };
        let bank = bank.with_app(web::app(store, config));
        let far = Self { bank, standby, relay };
        far.until("the replica shows all there is", |ready| {
            ready["primary"] == "reachable" && ready["replica"]["lag_bytes"] == 0
        })
        .await;
        far
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + WITHIN;
        loop {
            let ready = self.bank.get("/readyz").send().await.json();
            if is_so(&ready) {
                return ready;
            }
            assert!(Instant::now() < until, "not so: {what}: {ready}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Deposits as a program does, and tells where the books are then.
    async fn deposit(&self, account: &str, key: &str) -> Answer {
        self.bank.cash(account, "deposits", key, "1.00").await.expect(201)
    }

    async fn view(&self, account: &str, position: &str) -> Answer {
        let path = format!("/api/v1/accounts/{account}");
        let ask = self.bank.get(&path).token(&self.bank.teller);
        ask.header("ballast-position", position).send().await.expect(200)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_makes_no_round_trip_to_the_primary_and_a_posting_one() {
    let far = Far::open().await;
    let a = far.bank.account("000000001", "100.00").await;
    let b = far.bank.account("000000002", "0").await;
    let browser = crate::staff::sign_in(&far.bank, "C00000003", PASSWORD).await;
    let form = get(&far.bank, &browser, &format!("/accounts/{a}/deposit")).await.expect(200);
    let form_token = hidden(&form, "form_token");
    let page_deposit = async |key: &str| {
        let fields =
            [("form_token", &*form_token), ("key", key), ("step", "post"), ("amount", "2.00")];
        submit(&far.bank, &browser, &format!("/accounts/{a}/deposit"), &fields).await.expect(303)
    };
    // Connects, and prepares each statement once.
    let position = far.deposit(&a, "warm-up").await.header("ballast-position").to_owned();
    far.bank.transfer(&a, &b, "warm-up-2", "1.00").await.expect(201);
    page_deposit("warm-up-3").await;
    far.until("all is shown", |ready| ready["replica"]["lag_bytes"] == 0).await;
    for path in [format!("/accounts/{a}"), "/accounts".to_owned()] {
        get(&far.bank, &browser, &path).await.expect(200);
    }
    far.view(&a, &position).await;
    far.relay.round_trips();

    far.view(&a, &position).await;
    assert_eq!(far.relay.round_trips(), 0, "a view by the API");
    get(&far.bank, &browser, &format!("/accounts/{a}")).await.expect(200);
    assert_eq!(far.relay.round_trips(), 0, "the page of an account");
    far.deposit(&a, "counted").await;
    assert_eq!(far.relay.round_trips(), 1, "a deposit by the API");
    far.bank.transfer(&a, &b, "counted-2", "1.00").await.expect(201);
    assert_eq!(far.relay.round_trips(), 1, "a transfer by the API");
    page_deposit("counted-3").await;
    assert_eq!(far.relay.round_trips(), 1, "a deposit by the page");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_brings_a_position_sees_at_least_that() {
    let far = Far::open().await;
    let account = far.bank.account("000000001", "0").await;
    far.until("all is shown", |ready| ready["replica"]["lag_bytes"] == 0).await;
    far.standby.fall_asleep().await;
    let made = far.deposit(&account, "asleep").await;
    let position = made.header("ballast-position");
    assert!(position.starts_with("1-"), "{position}");
    assert_eq!(far.view(&account, position).await.json()["balance"]["amount"], "1.00");
    let behind = far.view(&account, "nonsense").await;
    assert_eq!(behind.json()["balance"]["amount"], "0.00", "a moment behind");
    assert_eq!(behind.header("ballast-as-of"), "", "less than a second");
    // A browser brings it as a cookie, which every change gives.
    let cookies = |answer: &Answer| -> Vec<String> {
        let all = answer.headers.get_all("set-cookie").iter();
        all.map(|each| each.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
    };
    let signed_in = far.bank.post("/sign-in");
    let fields = [("user", "C00000003"), ("password", PASSWORD)];
    let signed_in = signed_in.form(&fields).send().await.expect(303);
    let jar = cookies(&signed_in).join("; ");
    assert!(jar.contains("ballast-position=1-"), "{jar}");
    let page = far.bank.get(&format!("/accounts/{account}")).header("cookie", &jar).send().await;
    assert!(page.expect(200).text.contains("1.00 USD"));
    // The receipt says where the deposit is, and what that is worth.
    let keys = far.bank.get("/.well-known/jwks.json").send().await.text;
    let made = made.json();
    let receipt = made["receipt"].as_str().unwrap();
    let receipt = PublicKeys::parse(keys.as_bytes()).unwrap().verify(receipt).unwrap();
    assert_eq!(receipt.durability, Durability::Zone);
    let at = receipt.position.unwrap();
    assert_eq!(format!("{}-{}", at.timeline, at.lsn_text()), position);
    far.standby.wake_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_valid_at_once_and_nowhere_after_its_end() {
    let far = Far::open().await;
    far.standby.fall_asleep().await;
    let body = json!({ "user": "C00000003", "password": PASSWORD });
    let made = far.bank.post("/api/v1/sessions").json(&body).send().await.expect(201).json();
    let token = made["token"].as_str().unwrap();
    let who = async || far.bank.get("/api/v1/session").token(token).send().await;
    who().await.expect(200);
    far.standby.wake_up().await;
    far.until("all is shown", |ready| ready["replica"]["lag_bytes"] == 0).await;
    who().await.expect(200);
    far.standby.fall_asleep().await;
    far.bank.ask(Method::DELETE, "/api/v1/session").token(token).send().await.expect(204);
    assert!(who().await.is_problem(401, "not-signed-in"), "the replica still has it as live");
    far.standby.wake_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_shown_while_there_is_no_primary() {
    let far = Far::open().await;
    let account = far.bank.account("000000001", "7.00").await;
    let browser = crate::staff::sign_in(&far.bank, "C00000003", PASSWORD).await;
    let ready = far.until("all is shown", |ready| ready["replica"]["lag_bytes"] == 0).await;
    assert_eq!(
        (&ready["replica"]["role"], &ready["durability"]),
        (&"standby".into(), &"zone".into())
    );
    let path = format!("/accounts/{account}");
    let fresh = get(&far.bank, &browser, &path).await.expect(200);
    assert!(fresh.text.contains("7.00 USD") && !fresh.text.contains("As of"), "{}", fresh.text);
    far.relay.cut();
    far.until("the primary is away", |ready| ready["primary"] == "unreachable").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let page = get(&far.bank, &browser, &path).await.expect(200);
    assert!(page.text.contains("7.00 USD") && page.text.contains("As of "), "{}", page.text);
    assert!(page.header("ballast-as-of").ends_with('Z'));
    far.bank.get("/readyz").send().await.expect(200);
    let amount = json!({ "amount": usd("1.00") });
    let ask = far.bank.post(&format!("/api/v1/accounts/{account}/deposits"));
    let refused = ask.token(&far.bank.teller).key("away").json(&amount).send().await;
    assert_eq!(refused.status.as_u16(), 503, "{}", refused.text);
    assert!(!refused.header("retry-after").is_empty());
}
