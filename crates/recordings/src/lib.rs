//! Recordings: written while a call runs, kept, and handed out.
//!
//! A [`Tape`] takes the frames of a call on the media engine's thread, which never waits for a disk; a thread of its own
//! writes them to the *spool*, a folder on this machine. When the call has ended, its [`Take`] says whether the recording
//! is kept. Then copies of both voices and of the customer alone are made, and all is moved to where recordings are kept:
//! a folder, or an object store. [`Recordings::find`] hands out what is there, wherever it is on this way.
//!
//! The names of the spool's folders are the states of a recording, and each step is a rename: so a crash at any moment
//! loses nothing but what was not written yet, and the next start goes on from there.

mod checkup;
mod copies;
mod destination;
mod error;
mod folder;
mod mover;
mod name;
mod recordings;
mod retention;
mod shelf;
mod spool;
mod tape;
mod timer;
mod wav;
mod writer;

pub use checkup::{SpoolState, look_at_spool, try_destination};
pub use destination::{Credentials, Destination, S3, remove_from};
pub use error::{Error, Result};
pub use folder::each_in_folder;
pub use name::{FileName, Part, RecordingName};
pub use recordings::{Metrics, Options, Recordings};
pub use shelf::{Bytes, Found, Looked, Reader};
pub use tape::{FRAME_SAMPLES, Kept, SAMPLE_RATE, Take, Tape};
