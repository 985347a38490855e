//! A small bank for tests: a fresh database with staff, customers and accounts.

use std::sync::Arc;

use ledger::customer::CustomerFields;
use ledger::operation::{Description, Opening};
use ledger::{
    AccountKind, AccountNumber, Actor, Amount, Answer, Currency, CustomerNumber, IdempotencyKey,
    Leg, LegAnswer, NewCustomer, Operation, Reach, Reason, Request, Reversal, Role, TransferId,
    UserId,
};
use store::{
    DatabaseUrl, Decided, NewSession, Outcome, SessionKind, SessionOrigin, Staff, Store, Vault,
};

pub(crate) struct Bank {
    /// Of the embedded database.
    pub(crate) folder: Option<tempfile::TempDir>,
    pub(crate) url: DatabaseUrl,
    pub(crate) store: Store,
    pub(crate) actor: Actor,
}

impl Bank {
    pub(crate) async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::file(folder.path().join("bank.db"));
        Self::at(Some(folder), url).await
    }

    pub(crate) async fn postgres() -> Self {
        let url = DatabaseUrl::parse(&crate::cluster::database().await).unwrap();
        Self::at(None, url).await
    }

    pub(crate) async fn at(folder: Option<tempfile::TempDir>, url: DatabaseUrl) -> Self {
        store::migrate(&url).await.unwrap();
        let store = Store::open(&url).unwrap();
        let actor = Self::hire(&store, "C00000001", [1; 32]).await;
        Self { folder, url, store, actor }
    }

    /// Somebody else who works here.
    pub(crate) async fn colleague(&self) -> Actor {
        Self::hire(&self.store, "C00000002", [2; 32]).await
    }

    async fn hire(store: &Store, user: &str, token_hash: [u8; 32]) -> Actor {
        let user = UserId::parse(user).unwrap();
        let staff = Staff {
            user: user.clone(),
            name: "ramesh".into(),
            role: Role::Executive,
            password_hash: "hash".into(),
            password_generated: true,
            disabled: false,
        };
        assert!(store.add_staff(staff).await.unwrap());
        let session = NewSession {
            token_hash,
            user: user.clone(),
            kind: SessionKind::Client,
            expires_at: i64::MAX,
            origin: SessionOrigin::default(),
        };
        let session = store.create_session(session).await.unwrap();
        Actor { user, session, server: Arc::from("test") }
    }

    pub(crate) async fn customer(&self, index: u32) -> CustomerNumber {
        let ssn = format!("{index:09}");
        let fields = CustomerFields {
            ssn: &ssn,
            name: "Ada",
            address: "1 Way",
            age: "36",
            state: "NJ",
            city: "Newark",
        };
        let customer = NewCustomer::parse(&fields).ok().unwrap();
        self.store.create_customer(&self.actor, customer).await.unwrap().number
    }

    /// Runs a statement as its owner could by hand.
    pub(crate) async fn execute(&self, sql: &str) {
        if self.folder.is_some() {
            rusqlite::Connection::open(self.file()).unwrap().execute(sql, []).unwrap();
        } else {
            let db = crate::cluster::connect(&self.url.to_string()).await.unwrap();
            db.batch_execute(sql).await.unwrap();
        }
    }

    /// The same bank with data keys.
    pub(crate) fn with_keys(mut self) -> Self {
        let vault = Vault::parse(Vault::generate().unwrap().as_bytes()).unwrap();
        self.store = self.store.with_vault(Arc::new(vault));
        self
    }

    pub(crate) async fn account(&self, index: u32, cents: i64) -> AccountNumber {
        let customer = self.customer(index).await;
        let key = format!("open-{index}");
        match self.post(&key, opening(customer, AccountKind::Current, cents)).await.answer {
            Answer::Opened { account, .. } => account,
            other => panic!("not opened: {other:?}"),
        }
    }

    pub(crate) async fn try_post(&self, key: &str, request: Request) -> Outcome {
        let key = IdempotencyKey::parse(key).unwrap();
        self.store.post(Operation::new(key, request, self.actor.clone())).await.unwrap()
    }

    pub(crate) async fn post(&self, key: &str, request: Request) -> Decided {
        match self.try_post(key, request).await {
            Outcome::Decided(decided) => decided,
            Outcome::KeyReused => panic!("key {key} was used for another request"),
        }
    }

    pub(crate) async fn balance(&self, account: AccountNumber) -> i64 {
        self.store.account(account).await.unwrap().unwrap().account.balance_minor()
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.as_ref().unwrap().path().join("bank.db")
    }

    pub(crate) fn audit(&self) -> store::audit::Report {
        store::audit::run(&self.url, |_| ()).unwrap()
    }
}

pub(crate) fn usd(cents: i64) -> Amount {
    Amount::try_new(cents, Currency::Usd).unwrap()
}

pub(crate) fn opening(customer: CustomerNumber, kind: AccountKind, cents: i64) -> Request {
    Request::Open(Opening {
        customer,
        kind,
        currency: Currency::Usd,
        overdraft_minor: 0,
        deposit: (cents > 0).then(|| usd(cents)),
    })
}

pub(crate) fn leg(debit: AccountNumber, credit: AccountNumber, cents: i64) -> Leg {
    Leg { debit, credit, amount: usd(cents), description: Description::default() }
}

pub(crate) fn reversal(transfer: i64, reach: Reach) -> Request {
    let reason = Reason::parse("wrong account").unwrap();
    Request::Reversal(Reversal { transfer: TransferId::new(transfer), reason, reach })
}

pub(crate) fn only_leg(decided: &Decided) -> LegAnswer {
    match &decided.answer {
        Answer::Legs(legs) => legs[0],
        other => panic!("no legs: {other:?}"),
    }
}
