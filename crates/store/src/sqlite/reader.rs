//! The threads that read: each has its own connection, all take from one bounded queue.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Error;
use crate::sqlite::connection::open_reader;

/// Two, as a server's share of a small machine: one may be busy with a long statement while the
/// other looks up sessions and accounts.
const THREADS: usize = 2;

/// What may wait: about 100 ms of look-ups; beyond that it is better to say so at once.
const WAITING_MAX: usize = 4_096;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Runs reads on threads of their own.
#[derive(Debug)]
pub(crate) struct Readers {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    closed: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Shared")
    }
}

impl Readers {
    pub(crate) fn start(path: &Path) -> Result<Self, Error> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() });
        for _ in 0..THREADS {
            let db = open_reader(path)?;
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("reader".into()).spawn(move || work(&shared, db)).map_err(
                |source| Error::Unavailable {
                    reason: "a reader thread cannot be started",
                    source: Some(Box::new(source)),
                },
            )?;
        }
        Ok(Self { shared })
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            // The caller may have gone away; then nobody wants the answer.
            let _ = reply.send(job(db));
        });
        {
            let mut queue = lock(&self.shared.queue);
            if queue.jobs.len() >= WAITING_MAX {
                return Err(Error::Unavailable { reason: "too many reads wait", source: None });
            }
            queue.jobs.push_back(job);
            if queue.idle > 0 {
                self.shared.wake.notify_one();
            }
        }
        answer.await.map_err(|_| Error::closed())?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.wake.notify_all();
    }
}

fn work(shared: &Shared, mut db: Connection) {
    loop {
        let job = {
            let mut queue = lock(&shared.queue);
            loop {
                if let Some(job) = queue.jobs.pop_front() {
                    break job;
                }
                if queue.closed {
                    return;
                }
                queue.idle += 1;
                queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            }
        };
        job(&mut db);
    }
}

/// The queue is whole at every unlock, so a panic elsewhere cannot have damaged it.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
