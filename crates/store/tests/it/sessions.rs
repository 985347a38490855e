//! Sessions, staff and the gate of sign-ins.

use ledger::{Role, UserId};
use store::{NewSession, SessionKind, SignInGate};

use crate::bank::Bank;

#[tokio::test]
async fn a_session_is_valid_until_it_ends_expires_or_its_owner_is_disabled() {
    let bank = Bank::open().await;
    let user = bank.actor.user.clone();
    let new = |byte, expires_at| NewSession {
        token_hash: [byte; 32],
        user: user.clone(),
        kind: SessionKind::Browser,
        expires_at,
    };
    let first = bank.store.create_session(new(2, i64::MAX)).await.unwrap();
    bank.store.create_session(new(3, 1)).await.unwrap();
    bank.store.create_session(new(4, i64::MAX)).await.unwrap();
    let found = bank.store.session([2; 32]).await.unwrap().unwrap();
    assert_eq!((found.id, found.role, &*found.name), (first, Role::Executive, "ramesh"));
    assert_eq!(bank.store.session([3; 32]).await.unwrap(), None, "expired");
    assert_eq!(bank.store.session([9; 32]).await.unwrap(), None, "unknown");
    bank.store.end_session(first).await.unwrap();
    assert_eq!(bank.store.session([2; 32]).await.unwrap(), None, "ended");
    assert!(bank.store.set_staff_disabled(user, true).await.unwrap());
    assert_eq!(bank.store.session([4; 32]).await.unwrap(), None, "owner disabled");
}

#[tokio::test]
async fn a_new_password_ends_browser_sessions_and_keeps_programs() {
    let bank = Bank::open().await;
    let user = bank.actor.user.clone();
    let browser = NewSession {
        token_hash: [2; 32],
        user: user.clone(),
        kind: SessionKind::Browser,
        expires_at: i64::MAX,
    };
    bank.store.create_session(browser).await.unwrap();
    assert!(bank.store.set_password(user.clone(), "new".into(), false).await.unwrap());
    assert_eq!(bank.store.session([2; 32]).await.unwrap(), None);
    assert!(bank.store.session([1; 32]).await.unwrap().is_some());
    let staff = bank.store.staff(user).await.unwrap().unwrap();
    assert_eq!((staff.password_hash.as_str(), staff.password_generated), ("new", false));
    let nobody = UserId::parse("C99999999").unwrap();
    assert!(!bank.store.set_password(nobody, "x".into(), false).await.unwrap());
}

#[tokio::test]
async fn failures_lock_known_and_unknown_names_alike() {
    let bank = Bank::open().await;
    for name in ["C00000001", "nobody"] {
        for failure in 1..=5 {
            let gate = bank.store.sign_in_gate(name.into(), format!("a{failure}")).await.unwrap();
            assert_eq!(gate, SignInGate::Open, "{name}, failure {failure}");
            bank.store.record_sign_in(name.into(), format!("a{failure}"), false).await.unwrap();
        }
        let gate = bank.store.sign_in_gate(name.to_lowercase(), "elsewhere".into()).await.unwrap();
        assert!(matches!(gate, SignInGate::LockedForMs(1..=1_000)), "{name}: {gate:?}");
        bank.store.record_sign_in(name.into(), "elsewhere".into(), true).await.unwrap();
        let gate = bank.store.sign_in_gate(name.into(), "elsewhere".into()).await.unwrap();
        assert_eq!(gate, SignInGate::Open, "{name} after a success");
    }
}
