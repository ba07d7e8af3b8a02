//! The callee farm: a SIP server that plays the people who are called.
