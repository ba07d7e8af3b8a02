//! Where fuzz targets enter what is private otherwise. Each function takes any bytes and returns; what must hold
//! whatever they are is asserted. No part of the interface: nothing but fuzz targets calls these.

pub use crate::media::fuzzing::{description, secure_packets, stream};
pub use crate::sip::fuzzing::{message, settings};

/// Takes bytes of an input one after the other; at its end there are zeros.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// As many as there are, at most `length`.
    pub(crate) fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
