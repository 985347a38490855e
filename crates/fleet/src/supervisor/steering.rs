//! What the balancers are told about the processes behind them: whom to drain, and who is reached
//! through a link.
//!
//! Guarantees: for each balancer there is a state that is wanted and one that it was told; a task
//! tells the difference until there is none. A balancer that died has forgotten what it was told
//! and is told again when it runs; one that is frozen is told when it answers. Telling twice does
//! no harm.
//!
//! Deliberately not here: the other side (`balancer`'s control socket, one JSON line an order),
//! whose types this crate may not know. A test of the binary holds the two together.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::control::socket;
use crate::process::{Process, State};

/// A balancer does what it is told in microseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How soon a balancer that did not answer is told again.
const TELL_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// An answer is a short line; a refusal may list 64 servers.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// All balancers of the deployment.
#[derive(Debug)]
pub(super) struct Steering {
    helms: Vec<Arc<Helm>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What became of an order.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) balancer: String,
    /// When it was confirmed, or given up for now.
    pub(super) at: Timestamp,
    /// Why it is not confirmed yet.
    pub(super) unconfirmed: Option<String>,
}

/// One balancer.
#[derive(Debug)]
pub(super) struct Helm {
    pub(super) row: watch::Receiver<Process>,
    pub(super) control_socket: PathBuf,
    /// The processes behind it, and where they listen.
    pub(super) behind: BTreeMap<String, SocketAddr>,
    pub(super) wanted: Mutex<Course>,
    pub(super) told: tokio::sync::Mutex<Heard>,
    /// There is something to tell again.
    pub(super) unheard: Notify,
}

/// What a balancer does differently from its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Course {
    draining: BTreeSet<String>,
    moved: BTreeMap<String, SocketAddr>,
}

/// What a process has been told.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pid: Option<u32>,
    course: Course,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum Order {
    Drain { server: String },
    Undrain { server: String },
    Move { server: String, address: SocketAddr },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Answer {
    Ok {},
    Refused { reason: String },
}

impl Steering {
    pub(super) fn start(helms: Vec<Helm>) -> Self {
        let helms: Vec<Arc<Helm>> = helms.into_iter().map(Arc::new).collect();
        let tasks = helms.iter().map(|helm| tokio::spawn(helm.clone().keep())).collect();
        Self { helms, tasks }
    }

    /// Lets every balancer that has this process behind it drain it, or use it again.
    pub(super) async fn drain(&self, name: &str, is_draining: bool) -> Vec<Told> {
        self.steer(name, |course| match is_draining {
            true => drop(course.draining.insert(name.to_owned())),
            false => drop(course.draining.remove(name)),
        })
        .await
    }

    /// Lets every balancer that has this process behind it reach it somewhere else, or directly.
    pub(super) async fn reach(&self, name: &str, address: Option<SocketAddr>) -> Vec<Told> {
        self.steer(name, |course| match address {
            Some(address) => drop(course.moved.insert(name.to_owned(), address)),
            None => drop(course.moved.remove(name)),
        })
        .await
    }

    async fn steer(&self, name: &str, change: impl Fn(&mut Course)) -> Vec<Told> {
        let concerned = self.helms.iter().filter(|helm| helm.behind.contains_key(name));
        let concerned: Vec<Arc<Helm>> = concerned.cloned().collect();
        for helm in &concerned {
            change(&mut helm.wanted());
        }
        // All at once, so that one that does not answer delays none of the others.
        let telling = concerned.into_iter().map(|helm| {
            tokio::spawn(async move {
                let unconfirmed = helm.tell().await.err();
                if unconfirmed.is_some() {
                    helm.unheard.notify_one();
                }
                let balancer = helm.row.borrow().name.clone();
                Told { balancer, at: Timestamp::now(), unconfirmed }
            })
        });
        let telling: Vec<JoinHandle<Told>> = telling.collect();
        let mut told = Vec::new();
        for one in telling {
            // A task that only talks does not panic; if it did, nothing would be confirmed.
            told.extend(one.await.ok());
        }
        told
    }
}

impl Drop for Steering {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Helm {
    fn wanted(&self) -> MutexGuard<'_, Course> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells again whatever the process has not heard.
    async fn keep(self: Arc<Self>) {
        let mut row = self.row.clone();
        loop {
            let pid = row.borrow_and_update().pid;
            if self.tell().await.is_ok() {
                let changed = async { row.wait_for(|row| row.pid != pid).await.is_ok() };
                tokio::select! {
                    is_there = changed => if !is_there {
                        return;
                    },
                    () = self.unheard.notified() => {}
                }
            }
            sleep(TELL_AGAIN_AFTER).await;
        }
    }

    /// Tells the process what it has not heard.
    async fn tell(&self) -> Result<(), String> {
        let mut told = self.told.lock().await;
        let (pid, state) = {
            let row = self.row.borrow();
            (row.pid, row.state)
        };
        if told.pid != pid {
            *told = Heard { pid, course: Course::default() };
        }
        let wanted = self.wanted().clone();
        for order in self.differences(&told.course, &wanted) {
            if pid.is_none() {
                return Err(format!("it is {state}; it is told when it runs"));
            }
            self.give(&order).await.map_err(|why| match state {
                State::Running => why,
                _ => format!("it is {state}; it is told when it runs"),
            })?;
            told.course.note(order, &self.behind);
        }
        Ok(())
    }

    fn differences(&self, told: &Course, wanted: &Course) -> Vec<Order> {
        let mut orders = Vec::new();
        for (name, configured) in &self.behind {
            let server = name.clone();
            let address = |course: &Course| *course.moved.get(name).unwrap_or(configured);
            if address(told) != address(wanted) {
                orders.push(Order::Move { server: server.clone(), address: address(wanted) });
            }
            match (told.draining.contains(name), wanted.draining.contains(name)) {
                (false, true) => orders.push(Order::Drain { server }),
                (true, false) => orders.push(Order::Undrain { server }),
                _ => {}
            }
        }
        orders
    }

    async fn give(&self, order: &Order) -> Result<(), String> {
        let talk = async {
            let mut line = serde_json::to_vec(order)?;
            line.push(b'\n');
            let mut stream = BufReader::new(socket::connect_to(&self.control_socket).await?);
            stream.write_all(&line).await?;
            let mut answer = String::new();
            stream.take(ANSWER_BYTES_MAX).read_line(&mut answer).await?;
            serde_json::from_str::<Answer>(&answer).map_err(io::Error::from)
        };
        match timeout(ANSWER_WITHIN, talk).await {
            Ok(Ok(Answer::Ok {})) => Ok(()),
            Ok(Ok(Answer::Refused { reason })) => Err(format!("it refused: {reason}")),
            Ok(Err(error)) => Err(format!("it cannot be told: {error}")),
            Err(_) => Err("it does not answer; it is told when it does".to_owned()),
        }
    }
}

impl Course {
    fn note(&mut self, order: Order, configured: &BTreeMap<String, SocketAddr>) {
        match order {
            Order::Drain { server } => drop(self.draining.insert(server)),
            Order::Undrain { server } => drop(self.draining.remove(&server)),
            Order::Move { server, address } if configured.get(&server) == Some(&address) => {
                self.moved.remove(&server);
            }
            Order::Move { server, address } => drop(self.moved.insert(server, address)),
        }
    }
}
