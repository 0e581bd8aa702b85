//! Any life of a queue, of every kind, beside a plain list.

use std::cmp::Ordering;

use proptest::prelude::*;
use roundelay::{
    Closed, Finished, Queue, QueueItem, TaskDoneError, TryGetError, TryPutError, spawn, yield_now,
};

use crate::support::{Log, length, run_virtual};
use crate::waiting::Waiting;

/// Compared by its rank only, so that there are many equals; told apart by its number.
#[derive(Clone, Copy, Debug)]
struct Item {
    rank: u8,
    number: u32,
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Item {}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Fifo,
    Lifo,
    Priority,
}

impl Kind {
    fn queue(self, capacity: usize) -> Queue<Item> {
        match self {
            Kind::Fifo => Queue::bounded(capacity),
            Kind::Lifo => Queue::bounded_lifo(capacity),
            Kind::Priority => Queue::bounded_priority(capacity),
        }
    }

    /// Takes the item whose turn it is out of a list in the order of arrival.
    fn take(self, items: &mut Vec<Item>) -> Item {
        items.remove(match self {
            Kind::Fifo => 0,
            Kind::Lifo => items.len() - 1,
            // Of several smallest ones `min_by_key` gives the first.
            Kind::Priority => items.iter().enumerate().min_by_key(|(_, item)| item.rank).unwrap().0,
        })
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Fifo), Just(Kind::Lifo), Just(Kind::Priority)]
}

#[derive(Clone, Debug)]
enum Move {
    Put(u8),
    TryPut(u8),
    PollPutter(usize),
    CancelPutter(usize),
    Get,
    TryGet,
    PollGetter(usize),
    CancelGetter(usize),
    TryGetItem,
    DropItem(usize),
    TaskDone,
    Join,
    PollJoiner(usize),
    CancelJoiner(usize),
    Close,
    CloseNow,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let any = any::<usize>;
    let one = prop_oneof![
        60 => (0_u8..3).prop_map(Move::Put),
        20 => (0_u8..3).prop_map(Move::TryPut),
        50 => any().prop_map(Move::PollPutter),
        40 => any().prop_map(Move::CancelPutter),
        60 => Just(Move::Get),
        20 => Just(Move::TryGet),
        50 => any().prop_map(Move::PollGetter),
        40 => any().prop_map(Move::CancelGetter),
        20 => Just(Move::TryGetItem),
        20 => any().prop_map(Move::DropItem),
        30 => Just(Move::TaskDone),
        10 => Just(Move::Join),
        10 => any().prop_map(Move::PollJoiner),
        5 => any().prop_map(Move::CancelJoiner),
        3 => Just(Move::Close),
        2 => Just(Move::CloseNow),
    ];
    prop::collection::vec(one, 0..length(120))
}

type Putting = Waiting<Result<(), Closed<Item>>>;

/// The queue as a plain list, with everybody who waits.
struct Model {
    kind: Kind,
    capacity: usize,
    items: Vec<Item>,
    getters: Vec<Waiting<Result<Item, Finished>>>,
    putters: Vec<(Item, Putting)>,
    /// With whether the count has been zero since.
    joiners: Vec<(bool, Waiting<()>)>,
    held: Vec<QueueItem<Item>>,
    unfinished: usize,
    closed: bool,
    next: u32,
}

impl Model {
    fn new(kind: Kind, capacity: usize) -> Model {
        Model {
            kind,
            capacity,
            items: Vec::new(),
            getters: Vec::new(),
            putters: Vec::new(),
            joiners: Vec::new(),
            held: Vec::new(),
            unfinished: 0,
            closed: false,
            next: 0,
        }
    }

    fn item(&mut self, rank: u8) -> Item {
        self.next += 1;
        Item { rank, number: self.next }
    }

    fn free(&self) -> usize {
        self.capacity - self.items.len()
    }

    /// Somebody who comes now need not wait for room.
    fn has_room(&self) -> bool {
        self.free() > self.putters.len()
    }

    /// Somebody who comes now need not wait for an item.
    fn has_spare(&self) -> bool {
        self.items.len() > self.getters.len()
    }

    fn is_over(&self) -> bool {
        self.closed && self.items.is_empty()
    }

    fn add(&mut self, item: Item) {
        self.items.push(item);
        self.unfinished += 1;
    }

    fn take(&mut self) -> Item {
        self.kind.take(&mut self.items)
    }

    fn finish(&mut self, items: usize) {
        self.unfinished -= items;
        if self.unfinished == 0 && items > 0 {
            self.joiners.iter_mut().for_each(|joiner| joiner.0 = true);
        }
    }

    fn make(&mut self, queue: &Queue<Item>, one: Move) -> Result<(), TestCaseError> {
        match one {
            Move::Put(rank) => {
                let item = self.item(rank);
                match Waiting::begin(queue.put(item)) {
                    Err(Ok(())) => {
                        prop_assert!(!self.closed && self.has_room());
                        self.add(item);
                    }
                    Err(Err(Closed(back))) => prop_assert!(self.closed && back == item),
                    Ok(waiting) => {
                        prop_assert!(!self.closed && !self.has_room());
                        self.putters.push((item, waiting));
                    }
                }
            }
            Move::TryPut(rank) => {
                let item = self.item(rank);
                let expected = match (self.closed, self.has_room()) {
                    (true, _) => Err(TryPutError::Closed(item)),
                    (false, false) => Err(TryPutError::Full(item)),
                    (false, true) => Ok(()),
                };
                prop_assert_eq!(queue.try_put(item), expected);
                if expected.is_ok() {
                    self.add(item);
                }
            }
            Move::PollPutter(which) if !self.putters.is_empty() => {
                let which = which % self.putters.len();
                let entitled = which < self.free();
                match self.putters[which].1.poll() {
                    std::task::Poll::Ready(Ok(())) => {
                        prop_assert!(entitled && !self.closed);
                        let item = self.putters.remove(which).0;
                        self.add(item);
                    }
                    std::task::Poll::Ready(Err(Closed(back))) => {
                        prop_assert!(self.closed);
                        prop_assert_eq!(self.putters.remove(which).0, back);
                    }
                    std::task::Poll::Pending => prop_assert!(!entitled && !self.closed),
                }
            }
            Move::CancelPutter(which) if !self.putters.is_empty() => {
                drop(self.putters.remove(which % self.putters.len()));
            }
            Move::Get => match Waiting::begin(queue.get()) {
                Err(Ok(item)) => {
                    prop_assert!(self.has_spare());
                    prop_assert_eq!(item, self.take());
                }
                Err(Err(Finished)) => prop_assert!(self.is_over()),
                Ok(waiting) => {
                    prop_assert!(!self.has_spare() && !self.is_over());
                    self.getters.push(waiting);
                }
            },
            Move::TryGet => match queue.try_get() {
                Ok(item) => {
                    prop_assert!(self.has_spare());
                    prop_assert_eq!(item, self.take());
                }
                Err(TryGetError::Finished) => prop_assert!(self.is_over()),
                Err(TryGetError::Empty) => prop_assert!(!self.has_spare() && !self.is_over()),
            },
            Move::PollGetter(which) if !self.getters.is_empty() => {
                let which = which % self.getters.len();
                let entitled = which < self.items.len();
                match self.getters[which].poll() {
                    std::task::Poll::Ready(Ok(item)) => {
                        prop_assert!(entitled);
                        prop_assert_eq!(item, self.take());
                        drop(self.getters.remove(which));
                    }
                    std::task::Poll::Ready(Err(Finished)) => {
                        prop_assert!(self.is_over());
                        drop(self.getters.remove(which));
                    }
                    std::task::Poll::Pending => prop_assert!(!entitled && !self.is_over()),
                }
            }
            Move::CancelGetter(which) if !self.getters.is_empty() => {
                drop(self.getters.remove(which % self.getters.len()));
            }
            Move::TryGetItem => {
                if let Ok(item) = queue.try_get_item() {
                    prop_assert!(self.has_spare());
                    prop_assert_eq!(*item, self.take());
                    self.held.push(item);
                }
            }
            // `task_done` may have been said for it already: then it is not counted twice.
            Move::DropItem(which) if !self.held.is_empty() => {
                drop(self.held.swap_remove(which % self.held.len()));
                self.finish(self.unfinished.min(1));
            }
            Move::TaskDone => {
                let expected = if self.unfinished > 0 { Ok(()) } else { Err(TaskDoneError) };
                prop_assert_eq!(queue.task_done(), expected);
                self.finish(self.unfinished.min(1));
            }
            Move::Join => match Waiting::begin(queue.join()) {
                Err(()) => prop_assert_eq!(self.unfinished, 0),
                Ok(waiting) => {
                    prop_assert!(self.unfinished > 0);
                    self.joiners.push((false, waiting));
                }
            },
            Move::PollJoiner(which) if !self.joiners.is_empty() => {
                let which = which % self.joiners.len();
                let released = self.joiners[which].0;
                prop_assert_eq!(self.joiners[which].1.poll().is_ready(), released);
                if released {
                    drop(self.joiners.remove(which));
                }
            }
            Move::CancelJoiner(which) if !self.joiners.is_empty() => {
                drop(self.joiners.remove(which % self.joiners.len()));
            }
            Move::Close => {
                queue.close();
                self.closed = true;
            }
            Move::CloseNow => {
                let left: Vec<Item> =
                    (0..self.items.len()).map(|_| self.kind.take(&mut self.items)).collect();
                prop_assert_eq!(queue.close_now(), &left[..]);
                self.closed = true;
                self.finish(left.len().min(self.unfinished));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whoever is entitled has been woken, and nobody else; and the queue says how it stands.
    fn check(&self, queue: &Queue<Item>) -> Result<(), TestCaseError> {
        for (place, getter) in self.getters.iter().enumerate() {
            let entitled = place < self.items.len() || self.is_over();
            prop_assert_eq!(getter.is_woken(), entitled, "getter {}", place);
        }
        for (place, (_, putter)) in self.putters.iter().enumerate() {
            let entitled = self.closed || place < self.free();
            prop_assert_eq!(putter.is_woken(), entitled, "putter {}", place);
        }
        for (released, joiner) in &self.joiners {
            prop_assert_eq!(joiner.is_woken(), *released);
        }
        prop_assert_eq!((queue.len(), queue.is_closed()), (self.items.len(), self.closed));
        prop_assert_eq!(queue.unfinished(), self.unfinished);
        if !self.closed {
            prop_assert_eq!(queue.is_full(), !self.has_room());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(crate::support::properties(1500))]

    #[test]
    fn any_life_of_a_queue_keeps_its_items_its_lines_and_its_count(
        kind in kinds(),
        capacity in 1_usize..4,
        moves in moves(),
    ) {
        let queue = kind.queue(capacity);
        let mut model = Model::new(kind, capacity);
        for one in moves {
            model.make(&queue, one)?;
            model.check(&queue)?;
        }
        // Whatever is left comes out, in order.
        let Model { mut items, getters, putters, .. } = model;
        drop((getters, putters));
        let rest: Vec<Item> = std::iter::from_fn(|| queue.try_get().ok()).collect();
        let expected: Vec<Item> = (0..items.len()).map(|_| kind.take(&mut items)).collect();
        prop_assert_eq!(rest, expected);
    }

    /// Tasks that put and get, cancelled at random: what came out is what went in, in order, and
    /// what did not come out is still inside.
    #[test]
    fn any_producers_and_consumers_lose_and_double_nothing(
        capacity in 1_usize..4,
        deeds in prop::collection::vec((0_u8..5, any::<usize>()), 0..length(60)),
    ) {
        run_virtual(async {
            let queue = Queue::bounded(capacity);
            let (put, got) = (Log::new(), Log::new());
            let mut tasks = Vec::new();
            let mut next = 0;
            for (deed, choice) in deeds {
                match deed {
                    0 => {
                        let (queue, log, number) = (queue.clone(), put.clone(), next);
                        next += 1;
                        tasks.push(spawn(async move {
                            // What `put` accepts is in the queue in the very same step.
                            if queue.put(number).await.is_ok() {
                                log.add(number.to_string());
                            }
                        }));
                    }
                    1 => {
                        let (queue, log) = (queue.clone(), got.clone());
                        tasks.push(spawn(async move {
                            if let Ok(number) = queue.get().await {
                                log.add(number.to_string());
                            }
                        }));
                    }
                    2 if !tasks.is_empty() => {
                        let task = tasks.swap_remove(choice % tasks.len());
                        task.cancel();
                        task.detach();
                    }
                    _ => yield_now().await,
                }
            }
            for _ in 0..4 {
                yield_now().await;
            }
            for task in tasks {
                task.cancel();
                let _ = task.await;
            }
            let mut out = got.take();
            let rest = std::iter::from_fn(|| queue.try_get().ok());
            out.extend(rest.map(|number: i32| number.to_string()));
            assert_eq!(out, put.take());
        });
    }
}
