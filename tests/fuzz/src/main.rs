//! One target under libFuzzer: `FUZZ_TARGET` names it. `build/fuzz.sh` runs all.

#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<fuzz::Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = fuzz::TARGETS.iter().find(|(name, _)| *name == wanted);
    let names = fuzz::TARGETS.map(|(name, _)| name).join(", ");
    found
        .unwrap_or_else(|| panic!("FUZZ_TARGET must be one of {names}"))
        .1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
