//! Getting a fresh local bank ready: tables, sample staff, and tokens for the local tools.
//!
//! This is for deployments on one machine only: nothing of it runs in production, where staff
//! are added with `ballast staff add`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use fleet::data_folder::DataFolder;
use ledger::{Role, UserId};
use serde_json::json;
use store::{DatabaseUrl, NewSession, SessionKind, SessionOrigin, StaffChange, Store, now_ms};

use crate::{data_keys, output};

/// The staff of a fresh bank, as in every branch's training deck.
const SAMPLE_STAFF: [(&str, &str, Role); 5] = [
    ("C00000001", "ramesh", Role::Executive),
    ("C00000002", "suresh", Role::Cashier),
    ("C00000003", "mahesh", Role::Teller),
    ("C00000004", "anita", Role::Auditor),
    ("C00000005", "dinesh", Role::Administrator),
];

/// A year: a local deployment's tools should not stop working in the middle of a drill.
const TOKEN_LIFE_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

/// A member of the sample staff.
pub(crate) struct SampleStaff {
    /// The sign-in name.
    pub(crate) user: String,
    /// The name.
    pub(crate) name: String,
    /// The role's word.
    pub(crate) role: &'static str,
    /// Good until the next start; `None` once its owner has chosen another.
    pub(crate) password: Option<String>,
}

/// A bank's database and who signs in to it.
pub(crate) struct Books {
    /// As the owner of its tables.
    pub(crate) owner: DatabaseUrl,
    /// As servers do.
    pub(crate) server: DatabaseUrl,
}

impl Books {
    /// One user does everything.
    pub(crate) fn of_one(url: DatabaseUrl) -> Self {
        Self { owner: url.clone(), server: url }
    }
}

/// Brings the database up to date, seals what is not sealed yet, adds the sample staff that is
/// missing, gives everyone who has not chosen a password a new one, and writes tokens for `replay`
/// and `bench`.
pub(crate) async fn prepare(
    books: &Books,
    folder: &DataFolder,
) -> anyhow::Result<Vec<SampleStaff>> {
    let Books { owner, server } = books;
    store::migrate(owner).await.with_context(|| owner.to_string())?;
    let store = Store::open(server)?.with_vault(data_keys::read(&folder.data_keys_file())?);
    // Nobody serves yet, so no earlier program can be at work.
    let sealed = store.seal_ssns().await?;
    if sealed.left > 0 {
        let left = sealed.left;
        output::note(&format!("{left} social security numbers are not sealed: see `ballast seal`"));
    }
    let mut staff = Vec::new();
    for (user, name, role) in SAMPLE_STAFF {
        let user = UserId::parse(user).context("sample user ids are well formed")?;
        let password = give_password(&store, &user, name, role).await?;
        staff.push(SampleStaff {
            user: user.to_string(),
            name: name.to_owned(),
            role: role.as_str(),
            password,
        });
    }
    write_credentials(&store, folder.root(), &staff).await?;
    Ok(staff)
}

async fn give_password(
    store: &Store,
    user: &UserId,
    name: &str,
    role: Role,
) -> anyhow::Result<Option<String>> {
    let known = store.staff(user.clone()).await?;
    if known.as_ref().is_some_and(|known| !known.password_generated) {
        return Ok(None);
    }
    let password = web::generate_password();
    let password_hash = web::hash_password(&password);
    if known.is_some() {
        let change = StaffChange::Password { password_hash };
        store.change_staff_by_operator(user.clone(), change).await?;
    } else {
        let change = StaffChange::Add { name: name.to_owned(), role, password_hash };
        store.change_staff_by_operator(user.clone(), change).await?;
    }
    Ok(Some(password))
}

/// Makes a session for a program and gives its token.
pub(crate) async fn make_token(
    store: &Store,
    user: UserId,
    life_ms: i64,
) -> anyhow::Result<String> {
    let (token, token_hash) = web::new_token();
    let session = NewSession {
        token_hash,
        user,
        kind: SessionKind::Client,
        expires_at: now_ms().saturating_add(life_ms),
        origin: SessionOrigin::default(),
    };
    store.create_session(session).await?;
    Ok(token)
}

async fn write_credentials(
    store: &Store,
    data: &Path,
    staff: &[SampleStaff],
) -> anyhow::Result<()> {
    let path = data.join("credentials.json");
    let mut credentials = serde_json::Map::new();
    for (user, _, role) in SAMPLE_STAFF {
        if matches!(role, Role::Executive | Role::Teller) {
            let user = UserId::parse(user).context("sample user ids are well formed")?;
            let token = make_token(store, user, TOKEN_LIFE_MS).await?;
            credentials.insert(role.as_str().to_owned(), json!(token));
        }
    }
    // The cashier's password, for `ballast bench logins`.
    let cashier = staff.iter().find(|each| each.role == Role::Cashier.as_str());
    if let Some(SampleStaff { user, password: Some(password), .. }) = cashier {
        credentials.insert("sign_in".to_owned(), json!({ "user": user, "password": password }));
    }
    // The old file's mode would stay; a new one is readable by its owner only.
    let _ = std::fs::remove_file(&path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("could not write {}", path.display()))?;
    file.write_all(serde_json::Value::Object(credentials).to_string().as_bytes())?;
    Ok(())
}
