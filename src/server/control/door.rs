//! The door: accepts connections, asks who they are, gives them a seat or says why not.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection::{self, Connection};
use super::seats::{Full, Seats};
use super::upload::Upload;
use super::{Front, Identity};
use crate::control::fault::Fault;
use crate::domain::refusal::Code;
use crate::sys::peer::UID_OVERFLOW;

/// Connections whose identity is being looked up, or that are being told why they are refused.
const AT_THE_DOOR_MAX: usize = 16;

/// Accepts until `stop` becomes true, then waits for what is under way.
pub(super) async fn serve(
    listener: StdListener,
    front: Front,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let seats = Seats::new(front.limits);
    let door = Arc::new(Semaphore::new(AT_THE_DOOR_MAX));
    let import = Arc::new(Semaphore::new(1));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = connection::stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            arrival = arrive(&listener, &door, &front) => {
                let Some((stream, place)) = arrival else { continue };
                let upload = Upload::new(Arc::clone(&import));
                let (seats, stop) = (Arc::clone(&seats), stop.clone());
                let admission = admit(stream, place, front.clone(), seats, upload, stop);
                connections.spawn(admission);
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(front.limits.drain, all).await;
    Ok(())
}

/// Waits for a place at the door and a connection; none after an error, and after a pause, so that
/// being out of descriptors neither ends the server nor keeps a core busy.
async fn arrive(
    listener: &UnixListener,
    door: &Arc<Semaphore>,
    front: &Front,
) -> Option<(UnixStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(door).acquire_owned().await.ok()?;
    if let Ok((stream, _)) = listener.accept().await {
        return Some((stream, place));
    }
    sleep(front.limits.accept_pause).await;
    None
}

async fn admit(
    stream: UnixStream,
    place: OwnedSemaphorePermit,
    front: Front,
    seats: Arc<Seats>,
    upload: Upload,
    stop: watch::Receiver<bool>,
) {
    let limits = front.limits;
    let Some((stream, identity)) = identify(stream, &front).await else {
        return;
    };
    let seat = identity.and_then(|caller| match seats.take(&caller.operator) {
        Ok(seat) => Ok((caller, seat)),
        Err(full) => Err(no_seat(full)),
    });
    match seat {
        Ok((caller, seat)) => {
            drop(place);
            Connection::new(stream, front, caller, Arc::new(seat), upload, stop)
                .serve()
                .await;
        }
        Err(fault) => connection::refuse(&stream, &fault, &limits).await,
    }
}

/// Asks who is there, on a thread of its own, since a user database may be slow.
async fn identify(
    stream: UnixStream,
    front: &Front,
) -> Option<(UnixStream, Result<Identity, Fault>)> {
    let identify = Arc::clone(&front.identify);
    let asked = tokio::task::spawn_blocking(move || {
        let identity = identify.identify(stream.as_fd());
        (stream, identity)
    });
    let (stream, identity) = asked.await.ok()?;
    let identity = identity.and_then(|caller| {
        if caller.operator.uid == UID_OVERFLOW {
            return Err(Fault::peer("mfad cannot tell who you are")
                .why("your uid has no meaning in the namespace that mfad runs in"));
        }
        Ok(caller)
    });
    Some((stream, identity))
}

fn no_seat(full: Full) -> Fault {
    let why = match full {
        Full::Share => "you have too many connections open",
        Full::All => "all connections are taken",
    };
    Fault::new(Code::Busy, "mfad takes no more connections now").why(why)
}
