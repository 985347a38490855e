//! The start of the database's cluster.
//!
//! Guarantees: the wires are there before the first process; in a new cluster the first node of
//! the home region is the primary; when this is done the bank's database and roles exist.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Deployment, StartError, operations, settled};
use crate::cluster::Cluster;
use crate::cluster::network::Network;
use crate::cluster::secrets::Secrets;
use crate::cluster::{leadership, provision, watch as watching};
use crate::process::{Process, Role};

/// Between two tries while there is no primary yet.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// What a deployment with a cluster has besides its processes.
#[derive(Debug)]
pub(super) struct Wires {
    cluster: Arc<Cluster>,
    network: Arc<Network>,
    pub(super) watching: JoinSet<()>,
    secrets: Secrets,
}

impl Wires {
    /// What faults and switchovers need.
    pub(super) fn operated(&self) -> operations::Database {
        operations::Database {
            cluster: self.cluster.clone(),
            network: self.network.clone(),
            agents_password: self.secrets.agents.clone(),
        }
    }
}

impl Deployment {
    /// Writes the cluster's files and opens its wires.
    pub(super) async fn prepare_cluster(&mut self) -> Result<(), StartError> {
        let Some(cluster) = self.plan.cluster.clone() else { return Ok(()) };
        let home = self.plan.home_region().unwrap_or_default();
        let secrets = cluster.write_files(&self.plan.data_folder, home)?;
        let rows: Vec<watch::Receiver<Process>> =
            self.places.iter().map(|place| place.row.clone()).collect();
        let network = Arc::new(Network::open(&cluster, rows.clone()).await?);
        let mut watching = watching::start(&cluster, &rows);
        watching.spawn(leadership::keep_away(cluster.clone(), rows));
        self.wires = Some(Wires { cluster, network, watching, secrets });
        Ok(())
    }

    /// Starts the first node of a new cluster, which makes it the primary.
    pub(super) async fn found_database(&mut self, deadline: Instant) -> Result<(), StartError> {
        let Some(cluster) = self.plan.cluster.clone() else { return Ok(()) };
        let is_new = |name: &str| !cluster.home(name).join("data").exists();
        if !cluster.nodes.iter().all(|node| is_new(&node.name)) {
            return Ok(());
        }
        let home = self.plan.home_region().map(str::to_owned);
        let mut places = self.places.iter_mut();
        let is_first = |row: &Process| row.role == Role::Database && row.region == home;
        let Some(first) = places.find(|place| is_first(&place.row.borrow())) else { return Ok(()) };
        first.launch(&self.context);
        let row = first.row.clone();
        let (process, in_time) = settled(row, deadline).await;
        self.judge(process, in_time)
    }

    /// Makes the bank's database and roles, once there is a primary.
    pub(super) async fn provision(&self, deadline: Instant) -> Result<(), StartError> {
        let (Some(cluster), Some(wires)) = (&self.plan.cluster, &self.wires) else { return Ok(()) };
        loop {
            match provision::provision(cluster, &wires.secrets).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error.into()),
                Err(_) => sleep(TRY_EVERY).await,
            }
        }
    }
}
