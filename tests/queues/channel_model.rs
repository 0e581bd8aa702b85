//! Any life of a channel beside a plain list: senders cloned and dropped, every wait cancelled,
//! the receiver closed or gone.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Poll;

use proptest::prelude::*;
use roundelay::{Closed, Finished, Receiver, Sender, TryGetError, TryPutError, channel};

use crate::waiting::{Lent, Waiting};

#[derive(Clone, Debug)]
enum Move {
    CloneSender(usize),
    DropSender(usize),
    Send(usize),
    TrySend(usize),
    PollSending(usize),
    CancelSending(usize),
    Recv,
    TryRecv,
    PollReceiving,
    CancelReceiving,
    Close,
    DropReceiver,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let any = any::<usize>;
    let one = prop_oneof![
        10 => any().prop_map(Move::CloneSender),
        8 => any().prop_map(Move::DropSender),
        60 => any().prop_map(Move::Send),
        20 => any().prop_map(Move::TrySend),
        50 => any().prop_map(Move::PollSending),
        30 => any().prop_map(Move::CancelSending),
        50 => Just(Move::Recv),
        20 => Just(Move::TryRecv),
        50 => Just(Move::PollReceiving),
        30 => Just(Move::CancelReceiving),
        2 => Just(Move::Close),
        1 => Just(Move::DropReceiver),
    ];
    prop::collection::vec(one, 0..crate::support::length(120))
}

type Sending = Waiting<Result<(), Closed<u32>>>;

struct Model {
    capacity: usize,
    values: VecDeque<u32>,
    senders: Vec<Sender<u32>>,
    /// Each holds a sender of its own.
    sending: Vec<(u32, Sending)>,
    home: Rc<RefCell<Option<Receiver<u32>>>>,
    receiving: Option<Waiting<Result<u32, Finished>>>,
    closed: bool,
    next: u32,
}

impl Model {
    fn free(&self) -> usize {
        self.capacity - self.values.len()
    }

    fn has_room(&self) -> bool {
        self.free() > self.sending.len()
    }

    fn is_over(&self) -> bool {
        let no_more = self.closed || self.senders.is_empty() && self.sending.is_empty();
        no_more && self.values.is_empty()
    }

    fn received(&mut self, received: Result<u32, Finished>) -> Result<(), TestCaseError> {
        match received {
            Ok(value) => prop_assert_eq!(Some(value), self.values.pop_front()),
            Err(Finished) => prop_assert!(self.is_over()),
        }
        Ok(())
    }

    fn make(&mut self, one: Move) -> Result<(), TestCaseError> {
        self.next += 1;
        let (value, senders) = (self.next, self.senders.len());
        match one {
            Move::CloneSender(which) if (1..5).contains(&senders) => {
                self.senders.push(self.senders[which % senders].clone());
            }
            Move::DropSender(which) if senders > 0 => {
                drop(self.senders.swap_remove(which % senders));
            }
            Move::Send(which) if senders > 0 => {
                let sender = self.senders[which % senders].clone();
                match Waiting::begin(async move { sender.send(value).await }) {
                    Err(Ok(())) => {
                        prop_assert!(!self.closed && self.has_room());
                        self.values.push_back(value);
                    }
                    Err(Err(Closed(back))) => prop_assert!(self.closed && back == value),
                    Ok(waiting) => {
                        prop_assert!(!self.closed && !self.has_room());
                        self.sending.push((value, waiting));
                    }
                }
            }
            Move::TrySend(which) if senders > 0 => {
                let expected = match (self.closed, self.has_room()) {
                    (true, _) => Err(TryPutError::Closed(value)),
                    (false, false) => Err(TryPutError::Full(value)),
                    (false, true) => Ok(()),
                };
                prop_assert_eq!(self.senders[which % senders].try_send(value), expected);
                if expected.is_ok() {
                    self.values.push_back(value);
                }
            }
            Move::PollSending(which) if !self.sending.is_empty() => {
                let which = which % self.sending.len();
                let entitled = which < self.free();
                match self.sending[which].1.poll() {
                    Poll::Ready(Ok(())) => {
                        prop_assert!(entitled && !self.closed);
                        self.values.push_back(self.sending.remove(which).0);
                    }
                    Poll::Ready(Err(Closed(back))) => {
                        prop_assert!(self.closed);
                        prop_assert_eq!(self.sending.remove(which).0, back);
                    }
                    Poll::Pending => prop_assert!(!entitled && !self.closed),
                }
            }
            Move::CancelSending(which) if !self.sending.is_empty() => {
                drop(self.sending.remove(which % self.sending.len()));
            }
            Move::Recv if self.home.borrow().is_some() => {
                let mut receiver = Lent::from(&self.home);
                match Waiting::begin(async move { receiver.recv().await }) {
                    Err(received) => self.received(received)?,
                    Ok(waiting) => {
                        prop_assert!(self.values.is_empty() && !self.is_over());
                        self.receiving = Some(waiting);
                    }
                }
            }
            Move::TryRecv if self.home.borrow().is_some() => {
                let received = self.home.borrow_mut().as_mut().unwrap().try_recv();
                match received {
                    Ok(value) => self.received(Ok(value))?,
                    Err(TryGetError::Finished) => self.received(Err(Finished))?,
                    Err(TryGetError::Empty) => {
                        prop_assert!(self.values.is_empty() && !self.is_over());
                    }
                }
            }
            Move::PollReceiving => {
                let polled = self.receiving.as_mut().map(Waiting::poll);
                if let Some(Poll::Ready(received)) = polled {
                    self.receiving = None;
                    self.received(received)?;
                }
            }
            Move::CancelReceiving => self.receiving = None,
            Move::Close if self.home.borrow().is_some() => {
                self.home.borrow_mut().as_mut().unwrap().close();
                self.closed = true;
            }
            Move::DropReceiver => {
                self.receiving = None;
                drop(self.home.take());
                self.closed = true;
                self.values.clear();
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for (place, (_, sending)) in self.sending.iter().enumerate() {
            let entitled = self.closed || place < self.free();
            prop_assert_eq!(sending.is_woken(), entitled, "sender {}", place);
        }
        if let Some(receiving) = &self.receiving {
            prop_assert_eq!(receiving.is_woken(), !self.values.is_empty() || self.is_over());
        }
        if let Some(receiver) = &*self.home.borrow() {
            prop_assert_eq!(receiver.len(), self.values.len());
        }
        for sender in &self.senders {
            prop_assert_eq!(sender.is_closed(), self.closed);
            prop_assert!(self.closed || sender.is_full() != self.has_room());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(crate::support::properties(1500))]

    #[test]
    fn any_life_of_a_channel_keeps_its_values_and_both_its_ends(
        capacity in prop_oneof![4 => 1_usize..4, 1 => Just(usize::MAX)],
        moves in moves(),
    ) {
        let (sender, receiver) = channel(capacity);
        let mut model = Model {
            capacity,
            values: VecDeque::new(),
            senders: vec![sender],
            sending: Vec::new(),
            home: Rc::new(RefCell::new(Some(receiver))),
            receiving: None,
            closed: false,
            next: 0,
        };
        for one in moves {
            model.make(one)?;
            model.check()?;
        }
        // Whatever is left comes out, in order.
        model.receiving = None;
        model.sending.clear();
        if let Some(receiver) = &mut *model.home.borrow_mut() {
            let rest: VecDeque<u32> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
            prop_assert_eq!(&rest, &model.values);
        };
    }
}
