// SPDX-License-Identifier: Apache-2.0
//! A plugin for timmy-host in Rust, with no crate and no binding: the C interface is small enough to
//! be declared here.
mod abi;
mod outcome;

use abi::{Host, Plugin, Reply, Run, Status, Str};
use outcome::{answer, call, Failure, Outcome};
use std::ffi::c_void;
use std::mem::size_of;

/// What `self` points to: made by `create`, ended by `destroy`, used by one thread.
struct Recall {
    host: *const Host,
}

impl Recall {
    fn log(&self, text: &str) {
        // The host is borrowed until `destroy` returns.
        unsafe { ((*self.host).log)((*self.host).ctx, abi::LOG_INFO, Str::of(text)) }
    }

    /// A job is JSON, so it can be kept as it came.
    fn recall(&self, run: &Run, job: &str) -> Outcome {
        let before = call(run, "state/1.get", r#"{"key":"last"}"#)?;
        call(run, "state/1.put", &format!(r#"{{"key":"last","value":{job}}}"#))?;
        self.log("remembered this job");
        Ok(format!(r#"{{"before":{before}}}"#))
    }

    fn run(&self, run: &Run, task: &str, job: &str) -> Outcome {
        if unsafe { (run.cancelled)(run.ctx) } != 0 {
            return Err(Failure::new(abi::CANCELLED, "cancelled", "cancelled before it began"));
        }
        match task {
            "recall" => self.recall(run, job),
            "recall_panic" => panic!("nobody expected this"),
            _ => Err(Failure::new(abi::PERMANENT, "unknown_task", task)),
        }
    }
}

unsafe extern "C" fn create(
    host: *const Host,
    _config_json: Str, // the manifest has no config_schema: it is always {}
    instance: *mut *mut c_void,
    _reply: *mut Reply,
) -> Status {
    // Nothing here panics: with something that might, this would go through `answer` as well.
    // To older compilers `#[used]` says nothing about the linker, which drops a section that no code
    // refers to.
    let _ = std::ptr::read_volatile(MANIFEST_SECTION.as_ptr());
    *instance = Box::into_raw(Box::new(Recall { host })) as *mut c_void;
    abi::OK
}

unsafe extern "C" fn run(
    instance: *mut c_void,
    run: *const Run,
    task: Str,
    job_json: Str,
    reply: *mut Reply,
) -> Status {
    answer(reply, || {
        (*(instance as *const Recall)).run(&*run, &task.to_text(), &job_json.to_text())
    })
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut Recall));
}

/// The one symbol that the library exports.
#[no_mangle]
#[allow(non_upper_case_globals)]
pub static timmy_plugin_v1: Plugin =
    Plugin { size: size_of::<Plugin>() as u32, abi_minor: 0, create, run, destroy };

const MANIFEST: &[u8] = include_bytes!("../manifest.json");

/// From here the host reads the manifest, without loading the library.
#[used]
#[link_section = ".timmy.manifest"]
static MANIFEST_SECTION: [u8; MANIFEST.len()] = *include_bytes!("../manifest.json");
