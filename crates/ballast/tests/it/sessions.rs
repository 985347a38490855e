//! A session is valid on all four servers, and nowhere after sign-out.

use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::http;

#[tokio::test]
async fn a_session_works_on_every_server_and_nowhere_after_sign_out() {
    let bank = Deployment::up();
    let body = json!({ "user": "c00000003", "password": bank.password("C00000003") });
    let signed_in = http::send("POST", &bank.url, "/api/v1/sessions", "", &[], &body).await;
    assert_eq!(signed_in.status, 201, "{}", String::from_utf8_lossy(&signed_in.body));
    let token = signed_in.json()["token"].as_str().unwrap().to_owned();
    let servers = bank.addresses("server");
    assert_eq!(servers.len(), 4);
    for round in 0..15 {
        for server in &servers {
            let answer = http::get(server, "/api/v1/session", &token).await;
            assert_eq!(answer.status, 200, "round {round}, {server}");
        }
    }
    let path = "/api/v1/session";
    let ended = http::send("DELETE", &servers[0], path, &token, &[], &Value::Null).await;
    assert_eq!(ended.status, 204);
    for server in &servers {
        assert_eq!(http::get(server, path, &token).await.status, 401, "{server}");
    }
}
