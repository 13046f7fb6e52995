//! A package of tests alone. `cargo xtask wasm` builds the module and runs them; `node/` holds a host in JavaScript.
