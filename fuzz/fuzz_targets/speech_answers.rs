//! The target `speech_answers` for libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hutong_fuzz_targets::run("speech_answers", bytes));
