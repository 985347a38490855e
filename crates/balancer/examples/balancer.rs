//! A balancer by itself: `cargo run --release --example balancer -- FILE` with the configuration
//! as JSON. For measuring the data path without the rest of the bank; the product's process is
//! `ballast balancer`.

use anyhow::Context;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("usage: balancer FILE")?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    balancer::run(balancer::Config::parse(&text)?, balancer::Start::Fresh)?;
    Ok(())
}
