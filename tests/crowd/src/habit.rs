//! The ways to do harm.

/// What a member says, and how.
#[derive(Clone, Debug)]
pub(crate) struct Habit {
    /// Said at once.
    pub(crate) first: Vec<u8>,
    /// Said at each turn that follows, for as long as it is open.
    pub(crate) then: Vec<u8>,
    /// Whether it takes what it is told.
    pub(crate) takes: bool,
    /// Ends each turn with a reset, and comes again.
    pub(crate) leaves: bool,
}

const KINDS: usize = 10;
/// Requests that a flood adds at each turn.
const FLOOD: usize = 20;
/// Answers that nobody takes.
const UNTAKEN: usize = 50;

impl Habit {
    /// That of member `at`.
    pub(crate) fn of(at: usize, token: &str) -> Self {
        let host = "Host: localhost\r\n";
        let bearer = format!("{host}Authorization: Bearer {token}\r\n");
        let health = format!("GET /health HTTP/1.1\r\n{host}\r\n");
        let socket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        match at % KINDS {
            0 => Self::saying("", ""),
            1 => Self::saying(&format!("GET /health HTTP/1.1\r\n{host}X: "), "x"),
            2 => {
                let head =
                    format!("POST /api/session HTTP/1.1\r\n{bearer}Content-Length: 99999\r\n");
                let json = "Content-Type: application/json\r\n\r\n";
                Self::saying(&format!("{head}{json}"), "x")
            }
            3 => Self::saying(&health[..health.len() / 2], ""),
            4 => Self::saying(
                &format!("GET /api/realtime/events HTTP/1.1\r\n{bearer}"),
                "",
            ),
            5 => Self::saying(&format!("GET /ws HTTP/1.1\r\n{bearer}{socket}"), ""),
            6 => Self::deaf(&format!(
                "GET /api/realtime/events HTTP/1.1\r\n{bearer}\r\n"
            )),
            7 => Self::deaf(&format!("GET /api/k8s/pods HTTP/1.1\r\n{bearer}\r\n").repeat(UNTAKEN)),
            8 => Self::saying("", &health.repeat(FLOOD)),
            _ => Self {
                leaves: true,
                ..Self::saying(&health, "")
            },
        }
    }

    fn saying(first: &str, then: &str) -> Self {
        Self {
            first: first.into(),
            then: then.into(),
            takes: true,
            leaves: false,
        }
    }

    fn deaf(first: &str) -> Self {
        Self {
            takes: false,
            ..Self::saying(first, "")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_floods_and_storms_and_the_deaf_say_whole_requests() {
        let whole = (0..KINDS).map(|at| {
            let habit = Habit::of(at, "t");
            let ends = |text: &[u8]| text.ends_with(b"\r\n\r\n");
            (ends(&habit.first) && habit.then.is_empty()) || ends(&habit.then)
        });
        let expected = [
            false, false, false, false, false, false, true, true, true, true,
        ];
        assert!(whole.eq(expected));
    }
}
