//! The chain of records that says who did what.
//!
//! Every change leaves a record, written in the same transaction as the change. A record is one
//! line of JSON; its hash covers the line as it is stored and the hash of the record before, so
//! that no record can be changed, removed, added or moved without every later hash giving it away.
//! Signed [`checkpoint`]s that leave the machine keep the whole chain from being written anew.
//!
//! | file              | what                                                    |
//! |-------------------|---------------------------------------------------------|
//! | `chain`           | events to numbered, hashed records                      |
//! | `record`          | a stored line back to a typed record                    |
//! | `checkpoint`      | signed positions of the chain, and when one is due      |
//! | `checkpoint_file` | where they are kept on disk                             |
//! | `segment`         | a piece of the chain outside the store, with its proof  |
//! | `segment_file`    | where these are kept on disk                            |
//! | `verify`          | recomputes a chain and finds damage                     |
//! | `summing`         | makes one record of many Rejects that change nothing    |
//!
//! Nothing here knows a clock, a socket or a database; the two `.._file` alone know files. What
//! this cannot do: protect records newer than the last checkpoint that somebody else holds.

pub mod chain;
pub mod checkpoint;
pub mod checkpoint_file;
mod head;
mod hex;
mod json;
pub mod record;
pub mod segment;
pub mod segment_file;
pub mod summing;
pub mod verify;
mod wall;
