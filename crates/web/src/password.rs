//! Passwords: argon2id hashes, made and checked on one thread of their own.
//!
//! Guarantees: however many people sign in, hashing takes one thread at the lowest priority, so
//! the counter is not slowed; known and unknown users cost the same time. The 19 MiB that a
//! hash needs are kept while work waits and given back when it does not.

use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ledger::UserId;
use ledger::staff::check_new_password;
use rand::{Rng as _, RngCore as _};
use subtle::ConstantTimeEq as _;
use tokio::sync::oneshot;

use crate::problem::{Kind, Problem};

/// 19 MiB, two passes, one lane: OWASP's Password Storage Cheat Sheet.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// At some 30 hashes a second this is two seconds of waiting; beyond it say so at once.
const WAITING_MAX: usize = 64;
/// The longest password that is looked at; longer ones are wrong.
const PASSWORD_BYTES_MAX: usize = 1_024;
/// No letters that look like digits.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
const LOWEST_PRIORITY: i32 = 19;

/// The hash of a new password, to be stored.
#[must_use]
pub fn hash_password(password: &str) -> String {
    hash_in(&mut Vec::new(), password)
}

fn hash_in(memory: &mut Vec<Block>, password: &str) -> String {
    let mut salt = [0_u8; SALT_BYTES];
    rand::rng().fill_bytes(&mut salt);
    let hash = digest(memory, password, &salt);
    format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(hash)
    )
}

/// The least score of zxcvbn, of 0 to 4: beyond what a patient attacker guesses online (10⁸
/// guesses; Wheeler, "zxcvbn: Low-Budget Password Strength Estimation", 2016).
const SCORE_MIN: zxcvbn::Score = zxcvbn::Score::Three;

/// Shorter names are found in too many good passwords.
const KNOWN_WORD_MIN: usize = 4;

/// Checks a password that its owner chose: the rule for new passwords, and that it is not made of
/// what everybody tries first (lists of leaked passwords, names, words, dates, keyboard rows) or
/// of what everybody knows about the owner. The rule it breaks, to be read after the field.
pub(crate) fn check_chosen_password(password: &str, user: &UserId, name: &str) -> Option<String> {
    if let Err(weak) = check_new_password(password) {
        return Some(weak.to_string());
    }
    let known: Vec<&str> =
        [user.as_str(), "ballast"].into_iter().chain(name.split_whitespace()).collect();
    let lower = password.to_lowercase();
    if known.iter().any(|word| word.len() >= KNOWN_WORD_MIN && lower.contains(&word.to_lowercase()))
    {
        return Some("must not hold your name, your user or the bank's name".to_owned());
    }
    let easy = zxcvbn::zxcvbn(password, &known).score() < SCORE_MIN;
    easy.then(|| {
        "is easy to guess: choose words that have nothing to do with each other".to_owned()
    })
}

/// A password that nobody chose: four groups of five characters, some 98 bits.
#[must_use]
pub fn generate_password() -> String {
    let mut random = rand::rng();
    loop {
        let groups: Vec<String> = (0..4)
            .map(|_| {
                let letter = |_| LETTERS.get(random.random_range(0..LETTERS.len())).copied();
                (0..5).filter_map(letter).map(char::from).collect()
            })
            .collect();
        let password = groups.join("-");
        // Without any digit or letter only about once in 200 times.
        if check_new_password(&password).is_ok() {
            return password;
        }
    }
}

/// A password, and what to do with it.
enum Job {
    Check { password: String, stored: Option<String>, reply: oneshot::Sender<bool> },
    Hash { password: String, reply: oneshot::Sender<String> },
}

impl Job {
    /// Does it, unless the caller has gone away meanwhile.
    fn run(self, memory: &mut Vec<Block>) {
        match self {
            Self::Check { password, stored, reply } if !reply.is_closed() => {
                let _ = reply.send(verify(memory, &password, stored.as_deref()));
            }
            Self::Hash { password, reply } if !reply.is_closed() => {
                let _ = reply.send(hash_in(memory, &password));
            }
            Self::Check { .. } | Self::Hash { .. } => {}
        }
    }
}

/// Checks passwords on its thread; the thread ends with it.
pub(crate) struct Passwords {
    queue: SyncSender<Job>,
}

impl Passwords {
    pub(crate) fn start() -> Self {
        let (queue, jobs) = sync_channel(WAITING_MAX);
        let started = thread::Builder::new().name("passwords".into()).spawn(move || work(&jobs));
        if let Err(error) = started {
            // Sign-ins will be answered 503; everything else works.
            tracing::error!(%error, "the password thread cannot be started");
        }
        Self { queue }
    }

    /// Whether a password is right. `stored` is `None` for an unknown user, which takes as long.
    pub(crate) async fn check(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, Problem> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Check { password, stored, reply })?;
        answer.await.map_err(|_| Problem::new(Kind::Unavailable).retry_after(1))
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Hash { password, reply })?;
        answer.await.map_err(|_| Problem::new(Kind::Unavailable).retry_after(1))
    }

    fn enqueue(&self, job: Job) -> Result<(), Problem> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => {
                Problem::new(Kind::Unavailable).retry_after(1)
            }
        })
    }
}

fn work(jobs: &Receiver<Job>) {
    // Linux keeps niceness per thread; where that is not so the rest is slowed a little.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOWEST_PRIORITY);
    while let Ok(first) = jobs.recv() {
        let mut memory = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            job.run(&mut memory);
            next = jobs.try_recv().ok();
        }
    }
}

/// Something to check against when there is no such user.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let zeros = |length| STANDARD_NO_PAD.encode(vec![0_u8; length]);
    format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
        zeros(SALT_BYTES),
        zeros(HASH_BYTES)
    )
});

fn verify(memory: &mut Vec<Block>, password: &str, stored: Option<&str>) -> bool {
    let readable = stored.and_then(parse);
    let known = readable.is_some();
    let Some((salt, expect)) = readable.or_else(|| parse(&NOBODY)) else { return false };
    let fits = password.len() <= PASSWORD_BYTES_MAX;
    let found = digest(memory, if fits { password } else { "" }, &salt);
    known && fits && bool::from(found.ct_eq(expect.as_slice()))
}

/// Salt and hash of a stored text. Other parameters than ours do not exist yet; when they
/// change, this is the place that will know the old ones.
fn parse(stored: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let head = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    let (salt, hash) = stored.strip_prefix(&head)?.split_once('$')?;
    Some((STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?))
}

#[expect(clippy::expect_used, reason = "parameters and lengths are constants within the limits")]
fn digest(memory: &mut Vec<Block>, password: &str, salt: &[u8]) -> [u8; HASH_BYTES] {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).expect("constants");
    memory.resize(params.block_count(), Block::new());
    let mut hash = [0_u8; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut hash, memory.as_mut_slice())
        .expect("constants");
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let stored = hash_password("right-horse-1");
        let memory = &mut Vec::new();
        assert!(verify(memory, "right-horse-1", Some(&stored)));
        assert!(!verify(memory, "right-horse-2", Some(&stored)));
        assert!(!verify(memory, "right-horse-1", None));
        assert!(!verify(memory, "", Some("damaged")));
        assert!(!verify(memory, &"x".repeat(2_000), Some(&hash_password(""))));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        let cases = [
            ("short1!", false),
            ("Password1!", false),
            ("P@ssw0rd123", false),
            ("Qwertyuiop1!", false),
            ("C00000003!a", false),
            ("Mahesh-2026!", false),
            ("Ballast-bank1!", false),
            ("correct-horse-7-staple", true),
            ("violet+Tram4gravel", true),
        ];
        let user = UserId::parse("C00000003").unwrap();
        for (password, good) in cases {
            let rule = check_chosen_password(password, &user, "Mahesh Rao");
            assert_eq!(rule.is_none(), good, "{password}: {rule:?}");
        }
        for _ in 0..50 {
            assert_eq!(check_chosen_password(&generate_password(), &user, "Mahesh Rao"), None);
        }
    }

    #[test]
    fn generated_passwords_keep_the_rule() {
        for _ in 0..1_000 {
            assert!(check_new_password(&generate_password()).is_ok());
        }
    }
}
