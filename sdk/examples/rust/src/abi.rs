// SPDX-License-Identifier: Apache-2.0
//! `timmy/abi.h`, minor 0, in Rust. That header says what each member means, who owns what, and on
//! which thread it is called. Later minors only add members at the end of these structs: what is
//! declared here stays as it is.
use std::ffi::c_void;
use std::mem::size_of;

pub type Status = i32;
pub const OK: Status = 0;
pub const RETRYABLE: Status = 1;
pub const PERMANENT: Status = 2;
pub const CANCELLED: Status = 3;

pub const LOG_INFO: i32 = 1;

/// Text or JSON, borrowed for the length of one call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    ptr: *const u8,
    len: u64,
}

impl Str {
    /// A view of `text`, which has to outlive the call that it is given to.
    pub fn of(text: &str) -> Self {
        Str { ptr: text.as_ptr(), len: text.len() as u64 }
    }

    /// A copy. The interface promises UTF-8; what is none is replaced.
    ///
    /// # Safety
    /// Only while the call lasts that this was given to.
    pub unsafe fn to_text(self) -> String {
        if self.len == 0 {
            return String::new(); // `ptr` may be null
        }
        let bytes = std::slice::from_raw_parts(self.ptr, self.len as usize);
        String::from_utf8_lossy(bytes).into_owned()
    }
}

#[repr(C)]
pub struct Reply {
    pub size: u32,
    pub reserved: u32,
    pub ctx: *mut c_void,
    pub result: unsafe extern "C" fn(*mut c_void, Str),
    pub error: unsafe extern "C" fn(*mut c_void, Str, Str),
    pub delay: unsafe extern "C" fn(*mut c_void, i64),
}

#[repr(C)]
pub struct Host {
    pub size: u32,
    pub abi_minor: u32,
    pub ctx: *mut c_void,
    pub log: unsafe extern "C" fn(*mut c_void, i32, Str),
}

#[repr(C)]
pub struct Run {
    pub size: u32,
    pub abi_minor: u32,
    pub ctx: *mut c_void,
    pub call: unsafe extern "C" fn(*mut c_void, Str, Str, i64, *mut Reply) -> Status,
    pub cancelled: unsafe extern "C" fn(*mut c_void) -> i32,
}

#[repr(C)]
pub struct Plugin {
    pub size: u32,
    pub abi_minor: u32,
    pub create: unsafe extern "C" fn(*const Host, Str, *mut *mut c_void, *mut Reply) -> Status,
    pub run: unsafe extern "C" fn(*mut c_void, *const Run, Str, Str, *mut Reply) -> Status,
    pub destroy: unsafe extern "C" fn(*mut c_void),
}

const _: () = assert!(size_of::<Str>() == 16);
const _: () = assert!(size_of::<Reply>() == 40);
const _: () = assert!(size_of::<Host>() == 24);
const _: () = assert!(size_of::<Run>() == 32);
const _: () = assert!(size_of::<Plugin>() == 32);
