//! A primary that is gone, and the look for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::error::Error;
use crate::postgres::pool::{Pooled, Shared, lock};

/// How long a primary that is lost is waited for: PostgreSQL that was killed is back or replaced.
const LOST_WAIT: Duration = Duration::from_secs(3);

/// Between two looks for a lost primary.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// The same while nobody waits.
const LOOK_INTERVAL_ALONE: Duration = Duration::from_secs(1);

/// What is known of a primary that is gone.
pub(super) struct Lost {
    since: Instant,
    /// Why the last look for it failed.
    why: Option<Arc<Error>>,
    /// Whether somebody looks for it: hosts that are not the primary check a password, in
    /// milliseconds of processor time, before they say so. A crowd would keep a new one from
    /// coming up.
    is_looked_for: bool,
}

impl Shared {
    /// Waits until the primary is found, unless it has been lost for too long.
    pub(super) async fn found(&self) -> Result<(), Error> {
        let mut lost = self.lost.subscribe();
        let Some(since) = lost.borrow().as_ref().map(|lost| lost.since) else { return Ok(()) };
        let left = LOST_WAIT.saturating_sub(since.elapsed());
        match timeout(left, lost.wait_for(Option::is_none)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.why_lost()),
        }
    }

    /// Starts to look for a primary that is lost, unless that is going on. It goes on until it is
    /// found, so that who comes hours later finds it too.
    pub(super) fn look(self: &Arc<Self>) {
        let begins = self.lost.send_if_modified(|lost| match lost {
            Some(lost) => !std::mem::replace(&mut lost.is_looked_for, true),
            None => false,
        });
        if !begins {
            return;
        }
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(shared) = pool.upgrade() {
                if shared.look_once().await {
                    break;
                }
                let is_awaited = shared.lost.receiver_count() > 0;
                drop(shared);
                let pause = if is_awaited { LOOK_INTERVAL } else { LOOK_INTERVAL_ALONE };
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Whether the primary was found. What is idle leads to the one that was lost.
    async fn look_once(&self) -> bool {
        match self.reach().await {
            Ok(connection) => {
                let generation = self.generation.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
                lock(&self.idle).clear();
                // There is none while those that lead to the lost one are in use.
                if let Ok(room) = Arc::clone(&self.rooms).try_acquire_owned() {
                    self.keep(Pooled { connection, generation, room });
                }
                self.lost.send_replace(None);
                true
            }
            Err(error) => {
                let error = Arc::new(error);
                self.lost.send_if_modified(|lost| {
                    if let Some(lost) = lost {
                        lost.why = Some(error);
                    }
                    // Nobody waits for this.
                    false
                });
                false
            }
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    pub(super) fn set_lost(&self) {
        self.lost.send_if_modified(|lost| {
            let is_news = lost.is_none();
            lost.get_or_insert_with(|| Lost {
                since: Instant::now(),
                why: None,
                is_looked_for: false,
            });
            is_news
        });
    }

    fn why_lost(&self) -> Error {
        let reason = "the database cannot be reached";
        let why = self.lost.borrow().as_ref().and_then(|lost| lost.why.clone());
        why.map_or(Error::Unavailable { reason, source: None }, |why| Error::shared(&why))
    }
}
