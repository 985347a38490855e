//! The bank's database and its two roles, made in a new cluster.
//!
//! Guarantees: can be repeated; passwords reach `psql` on its standard input and the server's log
//! never.
//!
//! Deliberately not here: tables and what the roles may do with them (`ballast migrate`).

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::access::{OWNER_ROLE, RIGHTS_ROLE, SERVER_ROLE};
use super::secrets::Secrets;
use super::{Cluster, ClusterError};

/// A fresh primary answers in a second; standbys that are still copied make it busy.
const WITHIN: Duration = Duration::from_secs(15);

/// Makes what is missing.
///
/// # Errors
/// [`ClusterError::Provision`] with what `psql` said.
pub(crate) async fn provision(cluster: &Cluster, secrets: &Secrets) -> Result<(), ClusterError> {
    let failed = |why: String| ClusterError::Provision(why);
    let psql = cluster.options.programs.postgres.join("psql");
    let mut child = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--dbname"])
        .arg(cluster.direct_url().replace("/bank?", "/postgres?"))
        .env("PGUSER", "postgres")
        .env("PGPASSWORD", &secrets.superuser)
        .env("PGCONNECT_TIMEOUT", "5")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // When it has left early, what it said is the reason.
        let _ = input.write_all(script(secrets).as_bytes()).await;
    }
    let output = timeout(WITHIN, child.wait_with_output()).await;
    let output = output.map_err(|_| failed(format!("no answer in {} s", WITHIN.as_secs())))?;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(())
}

fn script(secrets: &Secrets) -> String {
    let made = |name: &str, rights: &str| {
        format!(
            "select 'create role {name} {rights}' \
             where not exists (select from pg_roles where rolname = '{name}') \\gexec\n"
        )
    };
    let login = |name: &str, password: &str| {
        format!("{}alter role {name} password '{password}';\n", made(name, "login"))
    };
    // Standbys may still be copied; what is made here reaches them with the rest.
    let quiet = "set synchronous_commit = local;\nset log_statement = 'none';\n\
                 set log_min_error_statement = 'panic';\n";
    let database = format!(
        "select 'create database bank owner {OWNER_ROLE}' \
         where not exists (select from pg_database where datname = 'bank') \\gexec\n\
         revoke all on database bank from public;\n\
         grant connect on database bank to {SERVER_ROLE};\n"
    );
    let owner = login(OWNER_ROLE, &secrets.migration);
    let server = login(SERVER_ROLE, &secrets.application);
    let rights = made(RIGHTS_ROLE, "nologin");
    // With it a copy tells servers which timeline it receives; without, minutes after a failover.
    let member = format!(
        "grant {RIGHTS_ROLE} to {SERVER_ROLE};\ngrant pg_read_all_stats to {SERVER_ROLE};\n"
    );
    format!("{quiet}{owner}{server}{rights}{member}{database}")
}
