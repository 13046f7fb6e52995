//! Objects to readiness; pods, events and conditions to causes.
