//! How a command ended, as the protocol names it.

/// Why there is a result. The order is that of the codes in the journal: new ones are
/// added at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, well or not.
    Completed,
    /// It makes no sense to this agent.
    Invalid,
    /// It is not allowed.
    Refused,
    /// It came too late.
    Expired,
    /// The journal cannot be written, so that it could run twice.
    Unrecorded,
    /// Too much to do.
    Busy,
    Timeout,
    Cancelled,
    /// By the end of the agent.
    Interrupted,
    /// It had begun when an earlier agent ended; it is not run again.
    Unknown,
}

impl Outcome {
    pub const ALL: [Outcome; 10] = [
        Outcome::Completed,
        Outcome::Invalid,
        Outcome::Refused,
        Outcome::Expired,
        Outcome::Unrecorded,
        Outcome::Busy,
        Outcome::Timeout,
        Outcome::Cancelled,
        Outcome::Interrupted,
        Outcome::Unknown,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Invalid => "invalid",
            Outcome::Refused => "refused",
            Outcome::Expired => "expired",
            Outcome::Unrecorded => "unrecorded",
            Outcome::Busy => "busy",
            Outcome::Timeout => "timeout",
            Outcome::Cancelled => "cancelled",
            Outcome::Interrupted => "interrupted",
            Outcome::Unknown => "unknown",
        }
    }

    pub(super) fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// What is remembered of an ended command: never what it printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub outcome: Outcome,
    /// Of one that ended by itself.
    pub exit_code: Option<i32>,
    pub duration_ms: u32,
}

impl End {
    /// Of one that did not run, or whose end nobody saw.
    pub fn without_run(outcome: Outcome) -> Self {
        Self {
            outcome,
            exit_code: None,
            duration_ms: 0,
        }
    }

    pub fn success(&self) -> bool {
        self.outcome == Outcome::Completed && self.exit_code.is_none_or(|code| code == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_outcomes_belong_together() {
        for (code, outcome) in (0..).zip(Outcome::ALL) {
            assert_eq!(outcome.code(), code);
            assert_eq!(Outcome::of_code(code), Some(outcome));
        }
        assert_eq!(Outcome::of_code(10), None);
    }

    #[test]
    fn success_is_to_end_by_itself_without_complaint() {
        let end = |outcome, exit_code| End {
            outcome,
            exit_code,
            duration_ms: 0,
        };
        assert!(end(Outcome::Completed, Some(0)).success());
        assert!(!end(Outcome::Completed, Some(1)).success());
        assert!(!end(Outcome::Timeout, Some(0)).success());
        assert!(!End::without_run(Outcome::Unknown).success());
    }
}
