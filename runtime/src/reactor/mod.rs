//! The reactor: descriptors become readable or writable, and wakers are woken.
