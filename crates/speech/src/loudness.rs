//! Every prompt as loud as every other.
