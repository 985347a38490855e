//! Leaving, and failing to start.

use anyhow::Result;
use balancer::{Balancer, Config, Error};

use crate::bench::{eventually, in_time, start};
use crate::client::{Client, get};
use crate::origin::Manner;

#[tokio::test]
async fn requests_in_flight_are_finished_and_new_connections_refused() -> Result<()> {
    let bench = start(1).await?;
    bench.origins[0].set(Manner::Hold);
    let mut idle = Client::connect(bench.address).await?;
    assert_eq!(idle.send("GET /livez", &[], b"").await?.status, 200);
    let address = bench.address;
    let flying = tokio::spawn(async move { get(address, "/x").await });
    eventually("the request arrived", async || bench.total() == 1).await?;
    let origins = bench.origins;
    let draining = tokio::spawn(bench.balancer.drain());
    eventually("connections are refused", async || Client::connect(address).await.is_err()).await?;
    assert!(!draining.is_finished(), "the request in flight holds the drain");
    assert!(in_time("the idle connection ends", idle.read()).await.is_err());
    origins[0].release();
    assert_eq!(flying.await??.status, 200);
    assert!(draining.await?, "everything was finished");
    Ok(())
}

#[tokio::test]
async fn a_drain_ends_after_its_time() -> Result<()> {
    let fields = r#""drain_seconds":1,"#.to_owned();
    let setup = crate::bench::Setup { servers: 1, fields };
    let bench = crate::bench::start_with(setup).await?;
    bench.origins[0].set(Manner::Hold);
    let address = bench.address;
    let flying = tokio::spawn(async move { get(address, "/x").await });
    eventually("the request arrived", async || bench.total() == 1).await?;
    assert!(!in_time("the drain ends", async { Ok(bench.balancer.drain().await) }).await?);
    flying.abort();
    Ok(())
}

#[tokio::test]
async fn a_taken_address_is_an_error() -> Result<()> {
    let bench = start(1).await?;
    let json = format!(
        r#"{{"name":"b","role":"balancer","listen":"{}","upstreams":[{{"name":"a",
            "address":"{}"}}],"health":{{"path":"/livez","interval_ms":200,"timeout_ms":200,
            "healthy_threshold":1,"unhealthy_threshold":1}}}}"#,
        bench.address, bench.origins[0].address
    );
    let error = Balancer::start(Config::parse(&json)?).await.err();
    let Some(error @ Error::Listen { .. }) = error else { anyhow::bail!("it listens twice") };
    assert_eq!(error.to_string(), format!("cannot listen on {}", bench.address));
    Ok(())
}
