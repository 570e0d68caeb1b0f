//! `GET /api/realtime/events` and `GET /ws`: what happens in the cluster, as it happens, as
//! server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>) or
//! through a WebSocket.
//!
//! One thread tells all who look on, and is there only while somebody does.

mod errands;
mod feed;
mod filter;
mod guest;
mod hub;
mod logs;
mod queue;
mod socket;
mod viewer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::raw;
use super::refusal;
use super::rights::Asking;
use crate::cluster::Published;
use crate::http::{Body, Method, Request, Response, Taken, Takeover};
use crate::json::map;
use crate::k8s::Client;
use crate::seats::Seats;
use crate::security::Gate;
use crate::websocket;
use crate::work::commands::Reception;
use feed::Form;
use filter::{Filter, Wanted};
use guest::{Guest, House};
use hub::{Hub, Wake};
use logs::{Admitted, Asked, Logs, PLACES, Watching};
use socket::Socket;
use viewer::{Place, View, Viewer};

const STACK: usize = 128 * 1024;

/// Those who look on.
#[derive(Clone)]
pub(super) struct Live {
    house: House,
    seats: Seats,
    door: Arc<Mutex<Door>>,
}

/// Where they come in.
#[derive(Default)]
struct Door {
    coming: Vec<Viewer>,
    /// Woken for each that comes and each new snapshot; none while nobody looks on.
    wake: Option<Wake>,
}

impl Live {
    pub(super) fn new(
        published: Published,
        seats: Seats,
        gate: Arc<Gate>,
        client: Client,
        reception: Arc<Reception>,
    ) -> Self {
        Self {
            house: House {
                gate,
                published,
                followed: Logs::new(client),
                reception,
            },
            seats,
            door: Arc::default(),
        }
    }

    /// Server-sent events.
    pub(super) fn events(&self, request: &Request, asking: Asking<'_>) -> Response {
        let filter = match self.filter(request, asking) {
            Ok(filter) => filter,
            Err(answer) => return answer,
        };
        if request.method == Method::Head {
            return Response::of(200, "text/event-stream", Body::Empty);
        }
        let resume = request.headers.get("last-event-id").and_then(Place::parse);
        self.admit(move |now| (View::of_events(filter, resume, now), None))
    }

    /// Logs of many pods, as server-sent events.
    pub(super) fn logs(&self, request: &Request, asking: Asking<'_>) -> Response {
        let pairs: Option<Vec<_>> = request.query_pairs().collect();
        let asked = pairs
            .ok_or_else(|| "a parameter is not percent-encoded UTF-8".to_owned())
            .and_then(|pairs| Asked::read(pairs.iter().map(|(name, value)| (&**name, &**value))));
        let asked = match asked {
            Ok(asked) => asked,
            Err(problem) => return Response::problem(400, "Bad Request", &problem),
        };
        let admitted = match Admitted::of(asked, asking, &self.house.published.current()) {
            Ok(admitted) => admitted,
            Err(refused) => return refusal::answer(refused),
        };
        if request.method == Method::Head {
            return Response::of(200, "text/event-stream", Body::Empty);
        }
        let followed = self.house.followed.clone();
        self.admit(move |now| {
            let watching = Watching::new(admitted, followed, Form::Events, now);
            (View::of_logs(watching, now), None)
        })
    }

    /// A WebSocket (RFC 6455, section 4.2).
    pub(super) fn socket(&self, request: &Request, asking: Asking<'_>) -> Response {
        let key = match asked_for(request) {
            Ok(key) => key.to_owned(),
            Err(answer) => return answer,
        };
        let offered = request.headers.get("sec-websocket-protocol");
        let mut offered = offered.unwrap_or_default().split(',').map(str::trim);
        let agreed = offered.any(|name| name == PROTOCOL);
        let last = feed::last(&self.house.published.current());
        let guest = Guest::new(self.house.clone(), &asking);
        let allowed = match self.filter(request, asking) {
            Ok(allowed) => allowed,
            Err(answer) => return answer,
        };
        self.admit(move |now| {
            let mut view = View::new(Form::Socket, head(&key, agreed).as_bytes(), now);
            socket::say(&mut view, "welcome", &welcome(&last));
            (view, Some((Socket::new(allowed, now), guest)))
        })
    }

    /// What changes whoever asks wants and may be told of.
    fn filter(&self, request: &Request, asking: Asking<'_>) -> Result<Filter, Response> {
        let wanted = Wanted::of(request)
            .map_err(|problem| Response::problem(400, "Bad Request", &problem))?;
        let snapshot = self.house.published.current();
        wanted.allowed(asking, &snapshot).map_err(refusal::answer)
    }

    fn admit(
        &self,
        make: impl FnOnce(Instant) -> (View, Option<(Socket, Guest)>) + Send + 'static,
    ) -> Response {
        let seat = match raw::seat(&self.seats) {
            Ok(seat) => seat,
            Err(full) => return full,
        };
        let live = self.clone();
        Response::taken(Takeover::new(move |taken: Taken| {
            let now = Instant::now();
            let (mut view, both) = make(now);
            let (mut socket, guest) = both.unzip();
            if let Some(socket) = &mut socket {
                socket.receive(taken.early(), &mut view, now);
            }
            live.enter(Viewer {
                taken,
                _seat: seat,
                view,
                socket,
                guest,
                readable: true,
                writable: true,
            });
        }))
    }

    /// Called on the poll thread, which must not wait.
    fn enter(&self, viewer: Viewer) {
        let mut door = self.door();
        door.coming.push(viewer);
        if let Some(wake) = &door.wake {
            return wake.wake();
        }
        if let Err(error) = self.open(&mut door) {
            door.coming.clear();
            log::error!("no thread for those who look on: {error}");
        }
    }

    fn open(&self, door: &mut Door) -> std::io::Result<()> {
        let hub = Hub::new()?;
        let wake = hub.wake();
        let live = self.clone();
        let thread = thread::Builder::new().name("live".to_owned());
        self.house.followed.tell(Some(wake.clone()));
        thread.stack_size(STACK).spawn(move || live.run(hub))?;
        door.wake = Some(wake.clone());
        self.house.published.listen(move || wake.wake());
        Ok(())
    }

    /// Until nobody looks on any more.
    fn run(&self, mut hub: Hub) {
        loop {
            for viewer in self.door().coming.drain(..) {
                hub.enter(viewer);
            }
            hub.tell(&self.house.published.current(), Instant::now());
            if hub.is_empty() && self.left() {
                return;
            }
            if let Err(error) = hub.wait() {
                log::error!("those who look on are let go: {error}");
                return self.close();
            }
        }
    }

    /// Whether nobody came in meanwhile: the next one finds no thread.
    fn left(&self) -> bool {
        let mut door = self.door();
        let left = door.coming.is_empty();
        if left {
            self.house.published.ignore();
            self.house.followed.tell(None);
            door.wake = None;
        }
        left
    }

    fn close(&self) {
        let mut door = self.door();
        door.coming.clear();
        self.house.published.ignore();
        self.house.followed.tell(None);
        door.wake = None;
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The protocol that may be agreed on beside one that carries a token.
const PROTOCOL: &str = "v1.pipeops.io";

/// The key of whoever asks for a WebSocket, or what to tell them.
fn asked_for(request: &Request) -> Result<&str, Response> {
    let field = |name| request.headers.get(name).unwrap_or_default();
    let upgrade = raw::upgrade(request).unwrap_or_default();
    let key = field("sec-websocket-key");
    let refused = |detail| {
        let refused = Response::problem(426, "Upgrade Required", detail);
        refused.with("Upgrade", "websocket")
    };
    // One is opened by GET alone.
    let opens = request.method == Method::Get && upgrade.eq_ignore_ascii_case("websocket");
    if !opens || key.is_empty() {
        let detail = "this is a WebSocket: ask for it with Upgrade: websocket";
        return Err(refused(detail));
    }
    match field("sec-websocket-version") {
        "13" => Ok(key),
        _ => {
            Err(refused("the version of WebSocket here is 13").with("Sec-WebSocket-Version", "13"))
        }
    }
}

fn head(key: &str, agreed: bool) -> String {
    let protocol = match agreed {
        true => format!("Sec-WebSocket-Protocol: {PROTOCOL}\r\n"),
        false => String::new(),
    };
    let accept = websocket::accept(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
    )
}

/// What a client is to know: where it is, and how much it may say.
fn welcome(last: &str) -> serde_json::Value {
    map! {
        "id": last,
        "limits": map! {
            "message_bytes": socket::LARGEST,
            "messages_per_second": socket::PER_SECOND,
            "followed_containers": PLACES,
            "commands": errands::MOST,
        },
    }
}
