//! Reads from a replica: what a session wrote is seen, and what must not be believed is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::Request;
use ledger::operation::Description;
use store::{DatabaseUrl, NewSession, Purpose, SessionKind, SessionOrigin, Store, Visit};

use crate::bank::{Bank, usd};
use crate::cluster::Standby;
use crate::relay::Relay;

const WITHIN: Duration = Duration::from_secs(20);

struct Far {
    bank: Bank,
    standby: Standby,
    relay: Relay,
}

impl Far {
    /// A bank whose primary is behind a relay and whose replica is near.
    async fn open() -> Self {
        let mut bank = Bank::postgres().await;
        let standby = Standby::start();
        let url = bank.url.to_string();
        let (relay, far) = Relay::start(&url).await;
        let near = format!("{}?sslmode=disable", standby.url(url.split('?').next().unwrap()));
        let (far, near) = (DatabaseUrl::parse(&far), DatabaseUrl::parse(&near));
        bank.store = Store::open_with_replicas(&far.unwrap(), Some(&near.unwrap())).unwrap();
        let far = Self { bank, standby, relay };
        far.until_near().await;
        far
    }

    /// Until the replica shows all there is.
    async fn until_near(&self) {
        let until = Instant::now() + WITHIN;
        loop {
            let health = self.bank.store.health().await;
            if health.primary_answers && health.replica.is_some_and(|it| it.lag_bytes == Some(0)) {
                return;
            }
            assert!(Instant::now() < until, "{health:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn deposit(&self, account: ledger::AccountNumber, key: &str) -> Arc<Visit> {
        let visit = visit(None);
        let key = ledger::IdempotencyKey::parse(key).unwrap();
        let request = Request::deposit(account, usd(1), Description::default());
        let operation = ledger::Operation::new(key, request, self.bank.actor.clone());
        self.bank.store.on(&visit).post(operation).await.unwrap();
        visit
    }

    async fn balance(&self, visit: &Arc<Visit>, account: ledger::AccountNumber) -> i64 {
        let found = self.bank.store.near(visit).account(account).await.unwrap().unwrap();
        found.account.balance_minor()
    }

    async fn session(&self) -> i64 {
        let session = NewSession {
            token_hash: [7; 32],
            user: self.bank.actor.user.clone(),
            kind: SessionKind::Browser,
            expires_at: i64::MAX,
            origin: SessionOrigin::default(),
        };
        self.bank.store.create_session(session).await.unwrap()
    }
}

fn visit(after: Option<ledger::receipt::Position>) -> Arc<Visit> {
    Arc::new(Visit::new(Purpose::Looks, after))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_sees_what_it_wrote_wherever_it_reads() {
    let far = Far::open().await;
    let account = far.bank.account(1, 0).await;
    far.until_near().await;
    // Awake, the replica answers; what was just written is waited for.
    for number in 1..=5 {
        let wrote = far.deposit(account, &format!("awake-{number}")).await.wrote();
        assert!(wrote.is_some_and(|at| at.timeline == 1 && at.lsn > 0), "{wrote:?}");
        let looks = visit(wrote);
        assert_eq!(far.balance(&looks, account).await, number);
        assert!(looks.as_of().is_some(), "the replica answered");
    }
    far.until_near().await;
    far.standby.fall_asleep().await;
    let wrote = far.deposit(account, "asleep").await.wrote();
    let own = visit(wrote);
    assert_eq!(far.balance(&own, account).await, 6);
    assert_eq!(own.as_of(), None, "the primary answered");
    let of_others = visit(None);
    assert_eq!(far.balance(&of_others, account).await, 5, "a moment behind");
    assert!(of_others.as_of().is_some());
    // A position of another history leads to the primary; so does a replica that is far behind.
    let elsewhere = ledger::receipt::Position { timeline: 2, lsn: 1 };
    assert_eq!(far.balance(&visit(Some(elsewhere)), account).await, 6);
    let until = Instant::now() + WITHIN;
    while far.balance(&visit(None), account).await != 6 {
        assert!(Instant::now() < until, "a replica that is far behind is still shown");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    far.standby.wake_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_goes_nowhere_far_and_a_posting_once() {
    let far = Far::open().await;
    let account = far.bank.account(1, 0).await;
    let id = far.session().await;
    far.until_near().await;
    let look = async || {
        let visit = visit(None);
        let near = far.bank.store.near(&visit);
        assert_eq!(near.session([7; 32]).await.unwrap().unwrap().id, id);
        near.entries(account, None, 10).await.unwrap().unwrap();
    };
    far.deposit(account, "warm-up").await;
    look().await;
    far.until_near().await;
    far.relay.round_trips();
    look().await;
    assert_eq!(far.relay.round_trips(), 0, "a view");
    far.deposit(account, "counted").await;
    assert_eq!(far.relay.round_trips(), 1, "a deposit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_sleeps_lets_nobody_in_who_was_signed_out() {
    let far = Far::open().await;
    let id = far.session().await;
    let find = async |purpose| {
        let visit = Arc::new(Visit::new(purpose, None));
        far.bank.store.near(&visit).session([7; 32]).await.unwrap().map(|found| found.id)
    };
    assert_eq!(find(Purpose::Looks).await, Some(id), "not there yet is not believed");
    far.until_near().await;
    far.standby.fall_asleep().await;
    assert!(far.bank.store.end_own_session(&far.bank.actor, id).await.unwrap());
    for purpose in [Purpose::Looks, Purpose::Changes] {
        assert_eq!(find(purpose).await, None, "{purpose:?}");
    }
    far.standby.wake_up().await;
    far.until_near().await;
    assert_eq!(find(Purpose::Looks).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_primary_one_can_look_and_not_change() {
    let far = Far::open().await;
    let account = far.bank.account(1, 500).await;
    let id = far.session().await;
    far.until_near().await;
    far.relay.cut();
    let until = Instant::now() + WITHIN;
    while far.bank.store.health().await.primary_answers {
        assert!(Instant::now() < until, "the watch does not see that the primary is away");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let looks = visit(None);
    let near = far.bank.store.near(&looks);
    assert_eq!(near.session([7; 32]).await.unwrap().unwrap().id, id);
    assert_eq!(far.balance(&looks, account).await, 500);
    assert!(looks.as_of().unwrap() < store::now_ms() - 1_000, "and says how old it is");
    let nobody = ledger::AccountNumber::parse("360119999").unwrap();
    assert!(near.account(nobody).await.unwrap().is_none());
    let changes = Arc::new(Visit::new(Purpose::Changes, None));
    let refused = far.bank.store.near(&changes).session([7; 32]).await;
    assert!(matches!(refused, Err(store::Error::Unavailable { .. })), "{refused:?}");
}
