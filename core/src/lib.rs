//! The one crate an embedder needs: every room, and the JSON call table.
