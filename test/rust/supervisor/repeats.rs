//! What is said again and again.

use std::time::Duration;

use crossfork::supervisor::repeats::{Repeats, Verdict, WINDOW};

#[test]
fn what_is_said_too_often_is_left_out_until_a_while_after_the_first_time() {
    let mut repeats = Repeats::new(5);
    for round in 0..3u32 {
        let start = WINDOW * round;
        let verdicts: Vec<_> =
            (0..100).map(|i| repeats.admit("x", start + Duration::from_millis(i))).collect();
        let (said, left_out) = verdicts.split_at(5);
        assert!(said[..said.len() - 1].iter().all(|verdict| *verdict == Verdict::Say));
        assert_eq!(said.last(), Some(&Verdict::SayAsLast));
        assert!(left_out.iter().all(|verdict| *verdict == Verdict::LeaveOut));
        assert_eq!(repeats.admit("other", start), Verdict::Say);
    }
}
