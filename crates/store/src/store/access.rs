//! Who may come in: staff, second factors, sessions, sign-ins, and the rows about all that is done.

use ledger::{Actor, UserId};

use super::{Engine, Store};
use crate::error::Error;
use crate::model::{
    AuditEvent, AuditFilter, AuditRow, CodeHash, Factor, NewSession, Page, Session, SessionView,
    SignInGate, Staff, StaffChange, StaffChanged, TokenHash, UnixMs,
};
use crate::{postgres, sqlite};

/// What a factor's secret is sealed for.
fn factor_purpose(user: &UserId) -> String {
    format!("second factor of {user}")
}

impl Store {
    /// A member of staff.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn staff(&self, user: UserId) -> Result<Option<Staff>, Error> {
        read!(self, staff::find(&user))
    }

    /// All staff, by user id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn staff_list(&self) -> Result<Vec<Staff>, Error> {
        read!(self, staff::list())
    }

    /// Adds a member of staff; `false` if the user id is taken (nothing changes then).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn add_staff(&self, staff: Staff) -> Result<bool, Error> {
        write!(self, staff::add(&staff))
    }

    /// Does what an administrator asks about another member of staff, with the audit row.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn change_staff(
        &self,
        actor: &Actor,
        user: UserId,
        change: StaffChange,
    ) -> Result<StaffChanged, Error> {
        let actor = actor.clone();
        let changed = write!(self, staff::change(Some(&actor), &user, &change))?;
        self.settle_if(changed == StaffChanged::Done).await;
        Ok(changed)
    }

    /// Does what an operator asks at the command line, with the audit row; never
    /// [`StaffChanged::NotAllowed`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn change_staff_by_operator(
        &self,
        user: UserId,
        change: StaffChange,
    ) -> Result<StaffChanged, Error> {
        let changed = write!(self, staff::change(None, &user, &change))?;
        self.settle_if(changed == StaffChanged::Done).await;
        Ok(changed)
    }

    /// Sets the password that a user chose, ends their sessions in browsers (the asking one too)
    /// and writes the audit row; `false`: no such user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn choose_password(&self, actor: &Actor, hash: String) -> Result<bool, Error> {
        let actor = actor.clone();
        let chosen = write!(self, staff::choose_password(&actor, &hash))?;
        self.settle_if(chosen).await;
        Ok(chosen)
    }

    /// A user's second factor, confirmed or not; its secret stays sealed.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn second_factor(&self, user: UserId) -> Result<Option<Factor>, Error> {
        read!(self, factors::find(&user))
    }

    /// Opens the secret of a user's factor.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if this store has no keys, or not the right ones.
    pub fn factor_secret(&self, user: &UserId, factor: &Factor) -> Result<Vec<u8>, Error> {
        self.keys()?.open(&factor_purpose(user), &factor.sealed)
    }

    /// Stores the secret of a factor that is to be confirmed, in place of one that was not;
    /// `false`: the user has a confirmed one.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also if this store has no keys.
    pub async fn begin_factor(&self, user: UserId, secret: &[u8]) -> Result<bool, Error> {
        let sealed = self.keys()?.seal(&factor_purpose(&user), secret)?;
        write!(self, factors::begin(&user, &sealed))
    }

    /// Makes the actor's factor count from now on, with its recovery codes and the audit row. The
    /// code of `step` is spent. `false`: it is confirmed already, or another secret was begun.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn confirm_factor(
        &self,
        actor: &Actor,
        factor: &Factor,
        step: i64,
        codes: Vec<CodeHash>,
    ) -> Result<bool, Error> {
        let (actor, sealed) = (actor.clone(), factor.sealed.clone());
        write!(self, factors::confirm(&actor, &sealed, step, &codes))
    }

    /// Spends the code of a step; `false` if it or a later one was spent before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn accept_step(&self, user: UserId, step: i64) -> Result<bool, Error> {
        write!(self, factors::accept_step(&user, step))
    }

    /// Spends a recovery code and writes the audit row; `false` if there is no such code left.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn spend_recovery_code(
        &self,
        user: UserId,
        code: CodeHash,
        event: AuditEvent,
    ) -> Result<bool, Error> {
        write!(self, factors::spend_code(&user, &code, &event))
    }

    /// What is stored of a recovery code.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if this store has no keys.
    pub fn recovery_code_hash(&self, user: &UserId, code: &str) -> Result<CodeHash, Error> {
        Ok(self.keys()?.index(&format!("recovery code of {user}"), code))
    }

    /// Removes the actor's own factor, with the audit row; `false`: there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remove_factor(&self, actor: &Actor) -> Result<bool, Error> {
        let actor = actor.clone();
        let removed = write!(self, factors::remove_own(&actor))?;
        self.settle_if(removed).await;
        Ok(removed)
    }

    /// Stores a session and its audit row; gives its public number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_session(&self, session: NewSession) -> Result<i64, Error> {
        write!(self, sessions::create(&session))
    }

    /// The live session of a secret's hash: not ended, not expired, its owner not disabled. A
    /// replica is believed that it is live if what it shows is at most a second old, and, by a
    /// visit that only looks, for two minutes while the primary is away.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn session(&self, token_hash: TokenHash) -> Result<Option<Session>, Error> {
        read!(self, sessions::find(&token_hash))
    }

    /// Notes that sessions are at work.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch_sessions(&self, ids: Vec<i64>, now: UnixMs) -> Result<(), Error> {
        write!(self, sessions::touch(&ids, now))
    }

    /// A user's live sessions, newest first, at most [`crate::PAGE_ROWS_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionView>, Error> {
        let limit = crate::PAGE_ROWS_MAX;
        read!(self, sessions::of_user(&user, limit))
    }

    /// Ends a session of the actor's own on every server, with the audit row; `false` if it is not
    /// theirs or has ended before. Answers when no server takes it for live any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_own_session(&self, actor: &Actor, id: i64) -> Result<bool, Error> {
        let actor = actor.clone();
        let ended = write!(self, sessions::end_own(&actor, id))?;
        self.settle_if(ended).await;
        Ok(ended)
    }

    /// Whether a sign-in of this name from this address may be tried (both as typed or seen).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sign_in_gate(&self, user: String, address: String) -> Result<SignInGate, Error> {
        read!(self, sign_ins::gate(&user, &address))
    }

    /// Of some users, those whose sign-in must wait, and until when.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn locked_users(&self, users: Vec<UserId>) -> Result<Vec<(UserId, UnixMs)>, Error> {
        read!(self, sign_ins::locked(&users))
    }

    /// Notes how a sign-in ended: failures make the next one wait, a success clears the user's.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record_sign_in(
        &self,
        user: String,
        address: String,
        success: bool,
    ) -> Result<(), Error> {
        write!(self, sign_ins::record(&user, &address, success))
    }

    /// Writes an audit row.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record(&self, event: AuditEvent) -> Result<(), Error> {
        write!(self, logs::record(&event))
    }

    /// The newest audit rows of exactly one action, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn latest_events(
        &self,
        action: &'static str,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Error> {
        read!(self, logs::latest(action, limit))
    }

    /// Audit rows, newest first, below an id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn audit_events(
        &self,
        filter: AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<AuditRow>, Error> {
        read!(self, logs::events(&filter, before, limit))
    }
}
