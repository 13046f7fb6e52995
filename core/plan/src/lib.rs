//! Manifests old and new to a plan: waves, diff, undo, budget.
