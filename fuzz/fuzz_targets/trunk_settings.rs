//! The target `trunk_settings` for libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hutong_fuzz_targets::run("trunk_settings", bytes));
