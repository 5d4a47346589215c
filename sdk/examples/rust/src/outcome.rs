// SPDX-License-Identifier: Apache-2.0
//! How a call ends, in either direction: JSON, or a failure with its reason.
use crate::abi::{self, Reply, Run, Status, Str};
use std::any::Any;
use std::ffi::c_void;
use std::mem::size_of;
use std::panic::{catch_unwind, AssertUnwindSafe};

pub struct Failure {
    pub status: Status,
    pub code: String,
    pub message: String,
    pub delay_ms: Option<i64>,
}

impl Failure {
    pub fn new(status: Status, code: &str, message: &str) -> Self {
        Failure { status, code: code.into(), message: message.into(), delay_ms: None }
    }
}

pub type Outcome = Result<String, Failure>;

/// The one edge that every entry goes through: puts what `work` returns into `reply`. A panic must
/// not unwind into the host; it becomes a failure like any other.
///
/// # Safety
/// `reply` is the one that the entry was given.
pub unsafe fn answer(reply: *mut Reply, work: impl FnOnce() -> Outcome) -> Status {
    let reply = &*reply;
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(Failure::new(abi::RETRYABLE, "panic", text_of(panic.as_ref())))
    });
    match outcome {
        Ok(json) => {
            (reply.result)(reply.ctx, Str::of(&json));
            abi::OK
        }
        Err(failure) => {
            if let Some(delay) = failure.delay_ms {
                (reply.delay)(reply.ctx, delay);
            }
            (reply.error)(reply.ctx, Str::of(&failure.code), Str::of(&failure.message));
            failure.status
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "the plugin panicked"
    }
}

/// What a service says, as it says it.
#[derive(Default)]
struct Answer {
    json: String,
    code: String,
    message: String,
    delay_ms: Option<i64>,
}

/// Calls a service, such as `state/1.get`, and waits for its answer as long as the run may take.
pub fn call(run: &Run, method: &str, params: &str) -> Outcome {
    let mut answer = Answer::default();
    let mut reply = Reply {
        size: size_of::<Reply>() as u32,
        reserved: 0,
        ctx: &mut answer as *mut Answer as *mut c_void,
        result: take_result,
        error: take_error,
        delay: take_delay,
    };
    let status = unsafe { (run.call)(run.ctx, Str::of(method), Str::of(params), 0, &mut reply) };
    match status {
        abi::OK => Ok(answer.json),
        _ => Err(Failure {
            status,
            code: answer.code,
            message: answer.message,
            delay_ms: answer.delay_ms,
        }),
    }
}

unsafe extern "C" fn take_result(ctx: *mut c_void, json: Str) {
    (*(ctx as *mut Answer)).json = json.to_text();
}

unsafe extern "C" fn take_error(ctx: *mut c_void, code: Str, message: Str) {
    let answer = &mut *(ctx as *mut Answer);
    answer.code = code.to_text();
    answer.message = message.to_text();
}

unsafe extern "C" fn take_delay(ctx: *mut c_void, milliseconds: i64) {
    (*(ctx as *mut Answer)).delay_ms = Some(milliseconds);
}
