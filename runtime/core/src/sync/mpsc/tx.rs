//! Counted pointers of senders to their channel.

use std::rc::Rc;

use super::chan::Chan;

/// Pointer of a sender: while one exists, the receiver waits for messages.
pub(super) struct Tx<T>(Rc<Chan<T>>);

/// Pointer of a weak sender.
pub(super) struct WeakTx<T>(Rc<Chan<T>>);

impl<T> Tx<T> {
    /// Returns the pointer of the sender that a new channel has.
    #[inline]
    pub(super) fn new(chan: Rc<Chan<T>>) -> Tx<T> {
        Tx(chan)
    }

    #[inline]
    pub(super) fn chan(&self) -> &Rc<Chan<T>> {
        &self.0
    }

    pub(super) fn same_channel(&self, other: &Tx<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T> {
        self.0.state.add_weak_sender();
        WeakTx(self.0.clone())
    }
}

impl<T> WeakTx<T> {
    #[inline]
    pub(super) fn chan(&self) -> &Rc<Chan<T>> {
        &self.0
    }

    /// Returns nothing if there is no sender any more.
    pub(super) fn upgrade(&self) -> Option<Tx<T>> {
        if self.0.state.senders() == 0 {
            return None;
        }
        self.0.state.add_sender();
        Some(Tx(self.0.clone()))
    }
}

impl<T> Clone for Tx<T> {
    #[inline]
    fn clone(&self) -> Tx<T> {
        self.0.state.add_sender();
        Tx(self.0.clone())
    }
}

impl<T> Clone for WeakTx<T> {
    fn clone(&self) -> WeakTx<T> {
        self.0.state.add_weak_sender();
        WeakTx(self.0.clone())
    }
}

impl<T> Drop for Tx<T> {
    #[inline]
    fn drop(&mut self) {
        self.0.state.remove_sender();
    }
}

impl<T> Drop for WeakTx<T> {
    fn drop(&mut self) {
        self.0.state.remove_weak_sender();
    }
}
