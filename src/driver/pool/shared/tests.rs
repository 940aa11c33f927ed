//! Who is woken, without workers.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Otherwise it would look again and again, until the last of its timers has passed.
#[test]
fn who_looks_what_is_to_be_done_does_not_wake_itself() {
    let shared = Shared::new(Common::default());
    let wakes = Arc::new(Count::default());
    let waker = Waker::from(wakes.clone());
    let mut cx = Context::from_waker(&waker);
    let Duty::Start { worker, .. } = shared.duty(&mut cx) else { panic!("a worker is to be started") };
    for _ in 0..3 {
        assert!(matches!(shared.duty(&mut cx), Duty::Wait(Some(_))), "for the time in which it has to start");
    }
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
    shared.not_ready(worker, "on purpose".to_owned());
    shared.gone(worker, End::default());
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "another is to be started, after a pause");
}
