//! `ballast staff`: who may sign in, and tokens for programs.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use ledger::{Role, UserId};
use serde_json::json;
use store::{StaffChange, StaffChanged, Store};

use crate::bank::make_token;
use crate::database::DatabaseArgs;
use crate::output;

/// As for customers.
const NAME_LENGTH_MAX: usize = 50;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Arguments of `staff`.
#[derive(Args)]
pub(crate) struct StaffArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(subcommand)]
    command: StaffCommand,
}

#[derive(Subcommand)]
enum StaffCommand {
    /// Add a member of staff and print a generated password
    Add {
        /// Sign-in name: C and eight digits
        #[arg(value_parser = user)]
        user: UserId,
        /// The name to greet with
        #[arg(long)]
        name: String,
        /// executive, cashier, teller, auditor or administrator
        #[arg(long, value_parser = role)]
        role: Role,
    },
    /// List all staff
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop a member of staff from signing in and end their sessions
    Disable {
        /// Sign-in name
        #[arg(value_parser = user)]
        user: UserId,
    },
    /// Let a disabled member of staff sign in again
    Enable {
        /// Sign-in name
        #[arg(value_parser = user)]
        user: UserId,
    },
    /// Give a member of staff a new generated password, print it, and end all of their sessions
    Password {
        /// Sign-in name
        #[arg(value_parser = user)]
        user: UserId,
    },
    /// Remove the second factor of a member of staff who has lost it, and sign them out
    RemoveFactor {
        /// Sign-in name
        #[arg(value_parser = user)]
        user: UserId,
    },
    /// Make a bearer token for a program that acts as a member of staff, and print it
    Token {
        /// Sign-in name
        #[arg(value_parser = user)]
        user: UserId,
        /// Days until the token ends
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=3650))]
        days: i64,
    },
}

fn user(text: &str) -> Result<UserId, String> {
    UserId::parse(text).ok_or_else(|| "must be C and eight digits, such as C00000004".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text)
        .ok_or_else(|| "must be executive, cashier, teller, auditor or administrator".to_owned())
}

pub(crate) async fn run(args: StaffArgs) -> anyhow::Result<ExitCode> {
    let store = args.database.open().await?;
    match args.command {
        StaffCommand::Add { user, name, role } => add(&store, user, name, role).await?,
        StaffCommand::List { json } => list(&store, json).await?,
        StaffCommand::Disable { user } => {
            change(&store, &user, StaffChange::Disabled(true)).await?;
            output::note(&format!("{user} is disabled and signed out everywhere"));
        }
        StaffCommand::Enable { user } => {
            change(&store, &user, StaffChange::Disabled(false)).await?;
            output::note(&format!("{user} may sign in again"));
        }
        StaffCommand::Password { user } => {
            let password = web::generate_password();
            let password_hash = web::hash_password(&password);
            change(&store, &user, StaffChange::Password { password_hash }).await?;
            output::data(&password);
        }
        StaffCommand::RemoveFactor { user } => {
            let staff = store.staff(user.clone()).await?;
            staff.with_context(|| unknown(&user))?;
            match store
                .change_staff_by_operator(user.clone(), StaffChange::RemoveSecondFactor)
                .await?
            {
                StaffChanged::Done => {
                    output::note(&format!("{user} has no second factor and is signed out"));
                }
                StaffChanged::NoSuchUser | StaffChanged::NotAllowed => {
                    bail!("{user} has no second factor");
                }
            }
        }
        StaffCommand::Token { user, days } => {
            let staff = store.staff(user.clone()).await?;
            let staff = staff.with_context(|| unknown(&user))?;
            if staff.disabled {
                bail!("{user} is disabled");
            }
            let token = make_token(&store, user, days.saturating_mul(DAY_MS)).await?;
            output::data(&token);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Changes a member of staff; what is done at the command line is an audit row too.
async fn change(store: &Store, user: &UserId, change: StaffChange) -> anyhow::Result<()> {
    match store.change_staff_by_operator(user.clone(), change).await? {
        StaffChanged::Done => Ok(()),
        StaffChanged::NoSuchUser | StaffChanged::NotAllowed => bail!(unknown(user)),
    }
}

async fn add(store: &Store, user: UserId, name: String, role: Role) -> anyhow::Result<()> {
    if !(1..=NAME_LENGTH_MAX).contains(&name.chars().count()) {
        bail!("--name must be 1 to {NAME_LENGTH_MAX} characters");
    }
    let password = web::generate_password();
    let password_hash = web::hash_password(&password);
    let added = StaffChange::Add { name, role, password_hash };
    match store.change_staff_by_operator(user.clone(), added).await? {
        StaffChanged::Done => {}
        StaffChanged::NoSuchUser | StaffChanged::NotAllowed => bail!("{user} exists already"),
    }
    output::data(&password);
    Ok(())
}

async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let staff = store.staff_list().await?;
    if json {
        let rows: Vec<_> = staff
            .iter()
            .map(|each| {
                json!({
                    "user": each.user.as_str(),
                    "name": each.name,
                    "role": each.role.as_str(),
                    "disabled": each.disabled,
                })
            })
            .collect();
        output::data(&serde_json::Value::Array(rows).to_string());
    } else {
        for each in staff {
            let state = if each.disabled { "disabled" } else { "active" };
            output::data(&format!("{}  {:<13}  {state:<8}  {}", each.user, each.role, each.name));
        }
    }
    Ok(())
}

fn unknown(user: &UserId) -> String {
    format!("there is no member of staff {user}; `ballast staff list` shows them")
}
