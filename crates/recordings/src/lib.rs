//! Recordings: written while a call runs, kept, and handed out by signed addresses.
