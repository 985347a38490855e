//! Two regions behind a front door.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use balancer::Balancer;

use crate::bench::{balancer, eventually, in_time};
use crate::client::{Answer, get, send};
use crate::origin::{Manner, Origin};

struct World {
    front_door: SocketAddr,
    origins: Vec<Origin>,
    east: Option<Balancer>,
    _west: Balancer,
    _door: Balancer,
}

/// One server and one balancer in each region.
async fn world() -> Result<World> {
    let origins = vec![Origin::start("east0").await?, Origin::start("west0").await?];
    let one = |name: &str, at: usize, region| vec![(name.to_owned(), origins[at].address, region)];
    let east = balancer("balancer", "east", "/livez", &one("east0", 0, "east"), "").await?;
    let west = balancer("balancer", "west", "/livez", &one("west0", 1, "west"), "").await?;
    eventually("both regions are ready", async || east.is_ready() && west.is_ready()).await?;
    let regions = vec![
        ("ALB-west".to_owned(), west.address(), "west"),
        ("ALB-east".to_owned(), east.address(), "east"),
    ];
    let door = balancer("front_door", "east", "/readyz", &regions, "").await?;
    let front_door = door.address();
    eventually("the front door uses the home region", async || {
        get(front_door, "/x").await.is_ok_and(|answer| answer.server() == Some("east0"))
    })
    .await?;
    Ok(World { front_door, origins, east: Some(east), _west: west, _door: door })
}

fn came_from(answer: &Answer, server: &str) {
    assert_eq!((answer.status, answer.server()), (200, Some(server)), "{answer:?}");
}

#[tokio::test]
async fn the_home_region_serves_and_headers_pass_both_hops() -> Result<()> {
    let world = world().await?;
    for _ in 0..20 {
        came_from(&get(world.front_door, "/x").await?, "east0");
    }
    let answer = send(world.front_door, "GET /y", &["x-forwarded-proto: https"], b"").await?;
    came_from(&answer, "east0");
    let seen = world.origins[0].seen().pop().expect("a request");
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1, 127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"), "the front door knows better");
    Ok(())
}

#[tokio::test]
async fn a_dead_balancer_is_left_at_once_and_used_again_after_its_time() -> Result<()> {
    let mut world = world().await?;
    let east = world.east.take().expect("running");
    let address = east.address();
    drop(east);
    eventually("the balancer is gone", async || {
        crate::client::Client::connect(address).await.is_err()
    })
    .await?;
    for _ in 0..20 {
        let answer = send(world.front_door, "POST /x", &[], b"{}").await?;
        came_from(&answer, "west0");
    }
    let back = Instant::now();
    let json = format!(
        r#"{{"name":"ALB-east","role":"balancer","region":"east","listen":"{address}",
            "upstreams":[{{"name":"east0","address":"{}","region":"east"}}],
            "health":{{"path":"/livez","interval_ms":200,"timeout_ms":500,
            "healthy_threshold":2,"unhealthy_threshold":3}}}}"#,
        world.origins[0].address
    );
    let _east = Balancer::start(balancer::Config::parse(&json)?).await?;
    in_time("the home region serves again", async {
        loop {
            let answer = get(world.front_door, "/x").await?;
            assert_eq!(answer.status, 200);
            if answer.server() == Some("east0") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await?;
    assert!(back.elapsed() >= Duration::from_millis(1_500), "it must be well for its time first");
    Ok(())
}

#[tokio::test]
async fn a_region_without_servers_is_left_without_a_failed_request() -> Result<()> {
    let mut world = world().await?;
    world.origins[0].kill().await;
    for number in 0..20 {
        let answer = send(world.front_door, "POST /x", &[], b"{}").await?;
        came_from(&answer, "west0");
        assert_eq!(world.origins[1].count(), number + 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_large_keyed_batch_survives_the_loss_of_a_region() -> Result<()> {
    let world = world().await?;
    world.origins[0].set(Manner::Reset);
    let before = world.origins[0].count();
    let body: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
    let key = "idempotency-key: b";
    let answer = in_time("a batch", send(world.front_door, "POST /batch", &[key], &body)).await?;
    came_from(&answer, "west0");
    assert_eq!(world.origins[0].count(), before + 1);
    assert!(world.origins[1].seen()[0].body == body);
    let answer = in_time("an unkeyed one", async {
        world.origins[1].set(Manner::Reset);
        send(world.front_door, "POST /batch", &[], &body).await
    })
    .await?;
    assert_eq!((answer.status, answer.reason()), (502, Some("reset")));
    assert_eq!(world.origins[0].count() + world.origins[1].count(), before + 3, "never repeated");
    Ok(())
}

#[tokio::test]
async fn a_balancer_without_servers_spills_to_the_other_region_and_is_not_ready() -> Result<()> {
    let mut world = world().await?;
    let regional = |name: &str, path: &str, address, region: &str| {
        format!(
            r#"{{"name":"{name}","address":"{address}","region":"{region}","health_path":"{path}"}}"#
        )
    };
    let json = format!(
        r#"{{"name":"ALB-both","role":"balancer","region":"east","listen":"127.0.0.1:0",
            "upstreams":[{},{}],"health":{{"path":"/nowhere","interval_ms":200,"timeout_ms":500,
            "healthy_threshold":2,"unhealthy_threshold":3}}}}"#,
        regional("east0", "/livez", world.origins[0].address, "east"),
        regional("ALB-west", "/readyz", world._west.address(), "west"),
    );
    let both = Balancer::start(balancer::Config::parse(&json)?).await?;
    let address = both.address();
    eventually("it is ready", async || both.is_ready()).await?;
    came_from(&get(address, "/x").await?, "east0");
    world.origins[0].kill().await;
    eventually("it spills", async || {
        get(address, "/x").await.is_ok_and(|answer| answer.server() == Some("west0"))
    })
    .await?;
    eventually("its own region has nobody", async || !both.is_ready()).await?;
    assert_eq!(get(address, "/readyz").await?.status, 503);
    came_from(&send(address, "POST /x", &[], b"{}").await?, "west0");
    // The other balancer asks the same of itself.
    world.origins[1].kill().await;
    eventually("the other region is seen to be empty", async || {
        let status = get(address, "/status.json").await;
        status.is_ok_and(|status| status.json()["upstreams"][1]["state"] == "unhealthy")
    })
    .await
}
