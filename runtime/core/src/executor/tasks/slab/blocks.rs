//! Memory of the chunks: the first ones from the allocator, the others mapped from the system in
//! blocks of 1 MiB.
//!
//! An allocator returns memory to the system only from the end of its heap. After a burst of tasks
//! something small that was allocated later is nearly always behind their chunks, and all of their
//! memory would stay. A block is returned when none of its chunks is used, and a chunk that is
//! freed before keeps its address and loses its pages.
//!
//! To map and unmap a block takes longer than all else that a small runtime does from its begin to
//! its end, so such a runtime has none.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use super::{CHUNK, END};
use crate::primitives;

/// Number of chunks that come from the allocator. There are more if the system maps no block.
const EARLY: usize = 16;

/// Size and alignment of a block.
const BLOCK: usize = u32::BITS as usize * CHUNK;

fn early_layout() -> Layout {
    Layout::from_size_align(END, CHUNK).expect("a power of two")
}

struct Block {
    start: NonNull<u8>,
    /// A bit for each chunk that is used.
    used: u32,
}

/// The blocks of a slab.
#[derive(Default)]
pub(super) struct Blocks {
    /// In the order of their addresses.
    blocks: RefCell<Vec<Block>>,
    /// All chunks of the blocks before this one are used.
    first: Cell<usize>,
    /// Number of chunks that came from the allocator and are used.
    early: Cell<usize>,
}

impl Blocks {
    /// Returns the memory of a chunk, of which the part before [`END`] may be used, aligned to the
    /// size of a chunk.
    pub(super) fn allocate(&self) -> NonNull<u8> {
        if self.early.get() < EARLY {
            return self.allocate_early();
        }
        let mut blocks = self.blocks.borrow_mut();
        let vacant = (self.first.get()..blocks.len()).find(|&at| blocks[at].used != u32::MAX);
        let index = match vacant {
            Some(index) => index,
            None => {
                let Some(start) = primitives::map(BLOCK) else {
                    // The allocator may have memory, or have another way to get some.
                    return self.allocate_early();
                };
                let index = blocks.partition_point(|block| block.start < start);
                blocks.insert(index, Block { start, used: 0 });
                index
            }
        };
        self.first.set(index);
        let block = &mut blocks[index];
        let chunk = block.used.trailing_ones();
        block.used |= 1 << chunk;
        // SAFETY: there are as many chunks as bits, and one bit was clear.
        unsafe { block.start.add(chunk as usize * CHUNK) }
    }

    /// Allocates a chunk from the allocator.
    fn allocate_early(&self) -> NonNull<u8> {
        self.early.set(self.early.get() + 1);
        primitives::allocate(early_layout())
    }

    /// Frees the memory of a chunk.
    ///
    /// # Safety
    /// It came from `allocate` of these blocks, and is not used any more.
    pub(super) unsafe fn free(&self, chunk: NonNull<u8>) {
        let mut blocks = self.blocks.borrow_mut();
        let start = chunk.addr().get() & !(BLOCK - 1);
        let index = blocks.binary_search_by_key(&start, |block| block.start.addr().get());
        let Ok(index) = index else {
            self.early.set(self.early.get() - 1);
            // SAFETY: it is in no block, so it came from the allocator, with this layout; it is not
            // used any more, by the contract.
            return unsafe { primitives::deallocate(chunk, early_layout()) };
        };
        let block = &mut blocks[index];
        block.used &= !(1 << ((chunk.addr().get() - start) / CHUNK));
        if block.used == 0 {
            let block = blocks.remove(index);
            // SAFETY: mapped with this size, and none of its chunks is used.
            unsafe { primitives::unmap(block.start, BLOCK) };
        } else {
            // SAFETY: a part of the block, not used any more by the contract.
            unsafe { primitives::discard(chunk, CHUNK) };
        }
        self.first.set(self.first.get().min(index));
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn fill(chunk: NonNull<u8>, byte: u8) {
        // SAFETY: the chunk belongs to the test.
        unsafe { chunk.write_bytes(byte, END) };
    }

    fn holds(chunk: NonNull<u8>, byte: u8) -> bool {
        // SAFETY: the chunk belongs to the test, which has filled it.
        let bytes = unsafe { std::slice::from_raw_parts(chunk.as_ptr(), END) };
        bytes.iter().all(|&found| found == byte)
    }

    fn free(blocks: &Blocks, chunk: NonNull<u8>) {
        // SAFETY: every caller passes a chunk of these blocks, once.
        unsafe { blocks.free(chunk) };
    }

    /// Returns chunks that are in blocks, and frees those that are not when it is done.
    fn mapped(blocks: &Blocks, count: usize) -> Vec<NonNull<u8>> {
        let early: Vec<_> = (0..EARLY).map(|_| blocks.allocate()).collect();
        assert!(blocks.blocks.borrow().is_empty());
        let chunks = (0..count).map(|_| blocks.allocate()).collect();
        early.into_iter().for_each(|chunk| free(blocks, chunk));
        // The test allocates no others from the allocator.
        blocks.early.set(EARLY);
        chunks
    }

    #[test]
    fn chunks_are_aligned_and_keep_their_contents_when_others_are_freed() {
        let blocks = Blocks::default();
        let mut chunks: Vec<_> = (0..100_u8).map(|byte| (byte, blocks.allocate())).collect();
        for &(byte, chunk) in &chunks {
            assert!(chunk.addr().get().is_multiple_of(CHUNK));
            fill(chunk, byte);
        }
        assert_eq!(blocks.blocks.borrow().len(), 3);
        while !chunks.is_empty() {
            // The first of each three that are left, so that the rest is freed at the end.
            let mut position = 0;
            chunks.retain(|&(byte, chunk)| {
                assert!(holds(chunk, byte));
                position += 1;
                let kept = position % 3 != 1;
                if !kept {
                    free(&blocks, chunk);
                }
                kept
            });
        }
        assert!(blocks.blocks.borrow().is_empty());
        assert_eq!(blocks.early.get(), 0);
    }

    #[test]
    fn a_freed_chunk_is_given_out_before_a_block_is_mapped() {
        let blocks = Blocks::default();
        let chunks = mapped(&blocks, 96);
        let mut freed = [chunks[90], chunks[40], chunks[3]];
        for chunk in freed {
            free(&blocks, chunk);
        }
        let mut again = [(); 3].map(|()| blocks.allocate());
        again.sort();
        freed.sort();
        assert_eq!(again, freed);
        assert_eq!(blocks.blocks.borrow().len(), 3);
        chunks.into_iter().for_each(|chunk| free(&blocks, chunk));
    }

    #[test]
    fn a_block_without_a_used_chunk_is_unmapped() {
        let blocks = Blocks::default();
        let chunks = mapped(&blocks, 64);
        let block_of = |chunk: NonNull<u8>| chunk.addr().get() & !(BLOCK - 1);
        let of_first = block_of(chunks[0]);
        let (first, second): (Vec<_>, Vec<_>) = chunks
            .into_iter()
            .partition(|&chunk| block_of(chunk) == of_first);
        assert_eq!((first.len(), second.len()), (32, 32));
        for &chunk in &second {
            fill(chunk, 7);
        }
        for chunk in first {
            free(&blocks, chunk);
        }
        assert_eq!(blocks.blocks.borrow().len(), 1);
        assert!(second.iter().all(|&chunk| holds(chunk, 7)));
        second.into_iter().for_each(|chunk| free(&blocks, chunk));
        assert!(blocks.blocks.borrow().is_empty());
    }
}
