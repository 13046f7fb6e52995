//! The embedding host: one plain `.wasm` with four exports and no imports, for any language with a WebAssembly runtime.
//!
//! ```text
//! abi_version() -> u32
//! alloc(length: u32) -> u32            a buffer for a request; 0 when there is no memory
//! call(pointer: u32, length: u32) -> u64   takes the buffer; gives pointer << 32 | length of the answer
//! free(pointer: u32, length: u32)      gives an answer (or an unused buffer) back
//! ```
//!
//! Requests and answers are JSON in UTF-8, see `backstay_core::call` and `docs/embedding.md`.

use backstay_core::call;

/// The version of the call table.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn abi_version() -> u32 {
    call::ABI_VERSION
}

#[cfg(target_arch = "wasm32")]
mod memory {
    use std::alloc::{Layout, alloc as allocate, dealloc};
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use backstay_core::call::{CallError, call as answer_to, refuse};

    thread_local! {
        /// The buffers that are out there, with their lengths: whatever a caller hands in is looked up here first, so that no
        /// mistake of it reaches memory that is not a buffer.
        static BUFFERS: RefCell<BTreeMap<usize, u32>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// A buffer of this length; zero when there is no memory or nothing to hold.
    #[unsafe(no_mangle)]
    pub extern "C" fn alloc(length: u32) -> *mut u8 {
        let Some(layout) = layout(length) else { return std::ptr::null_mut() };
        // SAFETY: the layout has a size above zero.
        let pointer = unsafe { allocate(layout) };
        if !pointer.is_null() {
            BUFFERS.with_borrow_mut(|buffers| buffers.insert(pointer.addr(), length));
        }
        pointer
    }

    /// Gives a buffer back; does nothing when it is none.
    #[unsafe(no_mangle)]
    pub extern "C" fn free(pointer: *mut u8, length: u32) {
        if let (Some(layout), true) = (layout(length), take(pointer, length)) {
            // SAFETY: the buffer was made with this layout and is taken off the list, so this happens once.
            unsafe { dealloc(pointer, layout) };
        }
    }

    /// Answers the request in a buffer, which it takes.
    #[unsafe(no_mangle)]
    pub extern "C" fn call(pointer: *mut u8, length: u32) -> u64 {
        let answer = match request(pointer, length) {
            Ok(request) => answer_to(&request),
            Err(error) => refuse(&error),
        };
        let Ok(length) = u32::try_from(answer.len()) else { return 0 };
        let pointer = alloc(length);
        if pointer.is_null() {
            return 0;
        }
        // SAFETY: the buffer has `length` bytes and is new.
        unsafe { std::ptr::copy_nonoverlapping(answer.as_ptr(), pointer, answer.len()) };
        (pointer.addr() as u64) << 32 | u64::from(length)
    }

    /// The text in a buffer, which is gone afterwards.
    fn request(pointer: *mut u8, length: u32) -> Result<String, CallError> {
        if !take(pointer, length) {
            let (address, problem) = (pointer.addr(), "are no buffer of alloc, or one that was given back");
            return Err(CallError::BadRequest(format!("pointer {address} and length {length} {problem}")));
        }
        let length = length as usize;
        // SAFETY: the buffer came from the allocator with this length, and is off the list: nobody else uses or frees it. Its
        // bytes count as set, as whoever embeds us can write there at any time.
        let bytes = unsafe { Vec::from_raw_parts(pointer, length, length) };
        String::from_utf8(bytes)
            .map_err(|error| CallError::BadRequest(format!("the request is not UTF-8: {error}")))
    }

    /// Takes a buffer off the list, if it is there with this length.
    fn take(pointer: *mut u8, length: u32) -> bool {
        BUFFERS.with_borrow_mut(|buffers| {
            let known = buffers.get(&pointer.addr()) == Some(&length);
            known && buffers.remove(&pointer.addr()).is_some()
        })
    }

    fn layout(length: u32) -> Option<Layout> {
        Layout::array::<u8>(length as usize).ok().filter(|layout| layout.size() > 0)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_that_of_the_call_table() {
        assert_eq!(super::abi_version(), backstay_core::call::ABI_VERSION);
    }
}
