//! Browser and embedding host: one plain .wasm without imports.
