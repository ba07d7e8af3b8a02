//! Signalling: a user agent that places and takes calls over UDP, TCP and TLS (RFC 3261).
