//! The front end for RADIUS over UDP: sockets and bytes.
//!
//! [`socket`] receives and sends datagrams in batches and keeps track of which of our addresses a
//! request came to, so that its reply leaves from there. [`wheel`] holds rejects until it is time
//! to send them. Neither knows what is in a datagram or who may send one: decoding, deciding and
//! the loops that join them belong to `access` and the composition root.
//!
//! What a stranger can use up is bounded: the kernel's receive buffer, the batch, the wheel.

pub mod socket;
pub mod wheel;
