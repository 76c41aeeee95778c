//! Order, batch, make durable, answer: the only writer.
