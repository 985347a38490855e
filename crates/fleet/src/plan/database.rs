//! The processes of the database's cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Plan, PlannedProcess};
use crate::cluster::Cluster;
use crate::cluster::guard::GuardConfig;
use crate::process::Role;

/// The bar is 30 s for a first start, with three copies over slow wires; twice that is a failure.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Shorter than without: the guards of nodes that are killed at the end need a moment to leave.
const STOP_WITHIN: Duration = Duration::from_millis(3_500);

impl Plan {
    /// Adds the database's cluster.
    #[must_use]
    pub fn with_cluster(mut self, cluster: Cluster) -> Self {
        let voter = |name: &String, region: &String, metrics: SocketAddr| {
            let programs = &cluster.options.programs;
            let (program, arguments) = (programs.etcd.clone(), ["--config-file", "etcd.yml"]);
            let guard = guard(&cluster, name, program, &arguments);
            let place = (Some(region.clone()), None);
            self.guarded(name, Role::Etcd, place, metrics, "/health", &guard)
        };
        let node = |name: &String, region: &String, zone: &String, agent: SocketAddr| {
            let program = cluster.options.programs.patroni.clone();
            let guard = guard(&cluster, name, program, &["patroni.yml"]);
            let place = (Some(region.clone()), Some(zone.clone()));
            self.guarded(name, Role::Database, place, agent, "/readiness", &guard)
        };
        let voters = cluster.voters.iter().map(|it| voter(&it.name, &it.region, it.metrics));
        let nodes = cluster.nodes.iter();
        let nodes = nodes.map(|it| node(&it.name, &it.region, &it.zone, it.agent.listen));
        let mut processes: Vec<PlannedProcess> = voters.chain(nodes).collect();
        processes.append(&mut self.processes);
        self.processes = processes;
        self.keep_books_in(&cluster);
        self.ready_within = READY_WITHIN;
        self.stop_within = STOP_WITHIN;
        self.cluster = Some(Arc::new(cluster));
        self
    }

    /// Leaves everything out but the database's cluster.
    #[must_use]
    pub fn only_database(mut self) -> Self {
        self.processes.retain(|process| process.role.is_of_cluster());
        if let Some(cluster) = &self.cluster {
            self.url = cluster.direct_url();
        }
        self
    }

    /// Tells servers where the books are.
    fn keep_books_in(&mut self, cluster: &Cluster) {
        let access = cluster.access(self.home_region().unwrap_or_default());
        for server in self.processes.iter_mut().filter(|it| it.role == Role::Server) {
            let region = server.region.clone().unwrap_or_default();
            let zone = server.zone.clone().unwrap_or_default();
            if let Some(fields) = server.config.as_object_mut() {
                let url = cluster.server_url(&server.name, &region);
                fields.insert("database".to_owned(), json!(url));
                let near = cluster.server_reader_url(&server.name, &region, &zone);
                fields.insert("database_reader".to_owned(), json!(near));
                let file = "database_password_file".to_owned();
                fields.insert(file, json!(access.password_file));
                let durability = cluster.options.durability;
                fields.insert("durability".to_owned(), json!(durability));
            }
        }
        self.database = access.writer;
    }

    /// Where the primary is at first: the region that is replaced last.
    #[must_use]
    pub fn home_region(&self) -> Option<&str> {
        self.rollout.regions.last().map(String::as_str)
    }

    fn guarded(
        &self,
        name: &str,
        role: Role,
        (region, zone): (Option<String>, Option<String>),
        address: SocketAddr,
        ready_path: &str,
        guard: &GuardConfig,
    ) -> PlannedProcess {
        let config_file = self.data_folder.config_file(name).display().to_string();
        PlannedProcess {
            name: name.to_owned(),
            role,
            region,
            zone,
            address,
            certificate: None,
            upstreams: Vec::new(),
            ready_path: ready_path.to_owned(),
            arguments: vec!["guard".to_owned(), "--config".to_owned(), config_file],
            config: json!(guard),
        }
    }
}

fn guard(cluster: &Cluster, name: &str, program: PathBuf, arguments: &[&str]) -> GuardConfig {
    GuardConfig {
        program,
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        folder: cluster.home(name),
        owner: cluster.options.programs.owner,
    }
}
