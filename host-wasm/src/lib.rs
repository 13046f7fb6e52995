//! The embedding host: one plain `.wasm` with four exports and no imports, for any language with a WebAssembly runtime.
//!
//! ```text
//! abi_version() -> u32
//! alloc(length: u32) -> u32            a buffer for a request; 0 when there is no memory
//! call(pointer: u32, length: u32) -> u64   takes the buffer; gives pointer << 32 | length of the answer
//! free(pointer: u32, length: u32)      gives an answer (or an unused buffer) back
//! ```
//!
//! Requests and answers are JSON in UTF-8, see `backstay_core::call`.

use backstay_core::call;

/// The version of the call table.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn abi_version() -> u32 {
    call::ABI_VERSION
}

#[cfg(target_arch = "wasm32")]
mod memory {
    use std::alloc::{Layout, alloc as allocate, dealloc};

    use backstay_core::call;

    /// A buffer of this length; zero when there is no memory or nothing to hold.
    #[unsafe(no_mangle)]
    pub extern "C" fn alloc(length: u32) -> *mut u8 {
        match layout(length) {
            // SAFETY: the layout has a size above zero.
            Some(layout) => unsafe { allocate(layout) },
            None => std::ptr::null_mut(),
        }
    }

    /// Gives a buffer back.
    ///
    /// # Safety
    /// The pointer and length are those of a buffer from [`alloc`] or [`call`] that was not given back yet.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn free(pointer: *mut u8, length: u32) {
        if let (Some(layout), false) = (layout(length), pointer.is_null()) {
            // SAFETY: the caller promises that the buffer is ours; it was made with this layout.
            unsafe { dealloc(pointer, layout) };
        }
    }

    /// Answers the request in a buffer, which it takes.
    ///
    /// # Safety
    /// The pointer and length are those of a buffer from [`alloc`] that was filled and not given back yet.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn call(pointer: *mut u8, length: u32) -> u64 {
        let request = if pointer.is_null() {
            String::new()
        } else {
            // SAFETY: the caller promises `length` readable bytes.
            String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(pointer, length as usize) })
                .into_owned()
        };
        // SAFETY: the request was copied; the caller gave the buffer up.
        unsafe { free(pointer, length) };
        let answer = call::call(&request);
        let Ok(length) = u32::try_from(answer.len()) else { return 0 };
        let pointer = alloc(length);
        if pointer.is_null() {
            return 0;
        }
        // SAFETY: the buffer has `length` bytes and is new.
        unsafe { std::ptr::copy_nonoverlapping(answer.as_ptr(), pointer, answer.len()) };
        (pointer as u64) << 32 | u64::from(length)
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
