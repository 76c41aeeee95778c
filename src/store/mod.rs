//! What lasts: the store contract and its implementations.
