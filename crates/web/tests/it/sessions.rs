//! Signing in, being signed in on every server, and being signed out on all of them.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use crate::bank::{Bank, PASSWORD, config};

async fn sign_in(bank: &Bank, user: &str, password: &str) -> crate::bank::Answer {
    let body = json!({ "user": user, "password": password });
    bank.post("/api/v1/sessions").json(&body).send().await
}

#[tokio::test]
async fn a_session_is_valid_on_every_server_until_logout_and_nowhere_after() {
    let mut bank = Bank::open().await;
    let made = sign_in(&bank, "c00000003", PASSWORD).await.expect(201);
    assert_eq!(made.json()["staff"]["role"], "teller");
    let cookie = made.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let other = bank.second_server();
    let first = std::mem::replace(&mut bank.app, other);
    let second = bank.app.clone();
    for app in [&first, &second, &first, &second] {
        bank.app = app.clone();
        bank.get("/api/v1/session").token(&token).send().await.expect(200);
        bank.get("/api/v1/session").cookie(&token).send().await.expect(200);
    }
    bank.app = first.clone();
    bank.ask(Method::DELETE, "/api/v1/session").token(&token).send().await.expect(204);
    for app in [&first, &second] {
        bank.app = app.clone();
        let answer = bank.get("/api/v1/session").token(&token).send().await;
        assert!(answer.is_problem(401, "not-signed-in"));
    }
}

#[tokio::test]
async fn known_and_unknown_users_are_refused_alike() {
    let bank = Bank::open().await;
    let mut answers = Vec::new();
    let users = ["C00000003", "C00000099", "nobody"];
    let mut times = [Duration::MAX; 3];
    for _ in 0..4 {
        for (user, quickest) in users.iter().zip(&mut times) {
            let started = Instant::now();
            let answer = sign_in(&bank, user, "wrong-horse-1").await;
            *quickest = started.elapsed().min(*quickest);
            assert!(answer.is_problem(401, "sign-in-refused"), "{user}: {}", answer.text);
            answers.push(answer.text);
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // The hash dominates. The quickest of four tries each: a busy machine only makes things slower.
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(*most < *least * 2, "{times:?}");
}

#[tokio::test]
async fn failures_lock_a_name_whether_or_not_it_exists() {
    let bank = Bank::open().await;
    for user in ["C00000003", "C00000099"] {
        for _ in 0..5 {
            assert!(sign_in(&bank, user, "wrong-horse-1").await.is_problem(401, "sign-in-refused"));
        }
        let locked = sign_in(&bank, user, PASSWORD).await;
        assert!(locked.is_problem(429, "sign-in-locked"), "{user}: {}", locked.text);
        assert!(locked.header("retry-after").parse::<u32>().unwrap() >= 1);
    }
}

/// The bank behind a server with other limits of sessions.
async fn with_limits(idle: Duration, session_life: Duration) -> Bank {
    let bank = Bank::open().await;
    let config = web::Config { idle, session_life, ..config("server") };
    let app = web::app(bank.store.clone(), config);
    bank.with_app(app)
}

#[test]
fn a_browser_is_left_alone_for_15_minutes_and_a_session_lives_12_hours() {
    let config = web::Config::default();
    assert_eq!(config.idle, Duration::from_secs(15 * 60));
    assert_eq!(config.session_life, Duration::from_secs(12 * 60 * 60));
}

#[tokio::test]
async fn what_is_left_alone_too_long_is_signed_out_and_programs_are_not() {
    let life = Duration::from_secs(60);
    let bank = with_limits(Duration::ZERO, life).await;
    let token = crate::staff::sign_in(&bank, "C00000003", PASSWORD).await;
    let away = crate::pages::get(&bank, &token, "/accounts").await.expect(303);
    assert_eq!(away.header("location"), "/sign-in?next=%2Faccounts");
    let made = sign_in(&bank, "C00000003", PASSWORD).await.expect(201);
    let program = made.json()["token"].as_str().unwrap().to_owned();
    bank.get("/api/v1/session").token(&program).send().await.expect(200);
    let app = web::app(bank.store.clone(), config("server"));
    let bank = bank.with_app(app);
    crate::pages::get(&bank, &token, "/accounts").await.expect(200);
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over_however_busy_it_is() {
    let bank = with_limits(Duration::from_secs(900), Duration::ZERO).await;
    let token = crate::staff::sign_in(&bank, "C00000003", PASSWORD).await;
    crate::pages::get(&bank, &token, "/").await.expect(303);
    let made = sign_in(&bank, "C00000003", PASSWORD).await.expect(201);
    let program = made.json()["token"].as_str().unwrap().to_owned();
    let answer = bank.get("/api/v1/session").token(&program).send().await;
    assert!(answer.is_problem(401, "not-signed-in"));
    let app = web::app(bank.store.clone(), config("server"));
    let bank = bank.with_app(app);
    let made = sign_in(&bank, "C00000003", PASSWORD).await.expect(201).json();
    let ends: jiff::Timestamp = made["expires_at"].as_str().unwrap().parse().unwrap();
    let minutes = (ends.as_millisecond() - store::now_ms()) / 60_000;
    assert!((700..=720).contains(&minutes), "{minutes}");
}

#[tokio::test]
async fn empty_fields_are_named() {
    let bank = Bank::open().await;
    let answer = sign_in(&bank, "", "").await;
    assert!(answer.is_problem(400, "validation"));
    assert_eq!(answer.json()["errors"][1]["field"], "password");
}
