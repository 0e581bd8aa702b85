//! A loop of few lines: it sleeps, and collects what was left for it, in the order of
//! `runtime/turn.rs`.

use loom::sync::Arc;
use loom::sync::atomic::{Ordering, fence};

use crate::callback::Key;
use crate::inbox::{Inbox, Message};
use crate::proxy::LoopProxy;
use crate::reactor::Bell;

/// The loop, as far as the inbox sees it.
pub(crate) struct Loop {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) bell: Bell,
}

impl Loop {
    pub(crate) fn new() -> Loop {
        let bell = Bell::default();
        Loop { inbox: Arc::new(Inbox::new(1, bell.clone())), bell }
    }

    pub(crate) fn proxy(&self) -> LoopProxy {
        LoopProxy { inbox: Arc::clone(&self.inbox) }
    }

    /// Steps 2 and 3 of a turn that has nothing else to do.
    pub(crate) fn turn(&self) -> Vec<u32> {
        if self.inbox.fall_asleep() {
            self.bell.wait();
            self.inbox.wake_up();
        }
        self.collect()
    }

    pub(crate) fn collect(&self) -> Vec<u32> {
        let mut messages = Vec::new();
        if self.inbox.has_messages() {
            self.inbox.collect(&mut messages);
        }
        messages.iter().map(number).collect()
    }

    /// Whether a virtual clock may jump now, asked in the order of `runtime/turn.rs`.
    pub(crate) fn may_jump(&self) -> bool {
        let held = self.inbox.is_clock_held();
        fence(Ordering::Acquire);
        !held && !self.inbox.has_messages()
    }

    /// Turns until `count` messages have come. loom says so if that never happens.
    pub(crate) fn hear(&self, count: usize) -> Vec<u32> {
        let mut heard = Vec::new();
        while heard.len() < count {
            heard.extend(self.turn());
        }
        heard
    }
}

fn number(message: &Message) -> u32 {
    match message {
        Message::Notify(key) => key.index() as u32,
        _ => u32::MAX,
    }
}

pub(crate) fn word(number: u32) -> Message {
    Message::Notify(Key::new(number, 0))
}
