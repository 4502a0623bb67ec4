// SPDX-License-Identifier: Apache-2.0
//! C interface of the `tokenizers` crate; include/mxscope_tokenizer.h says what each function does.

use std::any::Any;
use std::ffi::{c_char, c_int, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use tokenizers::{PostProcessor, PostProcessorWrapper, Tokenizer, TruncationDirection};

/// The template is kept apart: post-processors trim the offsets of blanks, which are wanted whole.
pub struct MxscopeTokenizer {
    bare: Tokenizer,
    template: Option<PostProcessorWrapper>,
}

#[repr(C)]
pub struct MxscopeTokens {
    ids: *mut u32,
    ends: *mut u32,
    size: usize,
}

struct Encoded {
    ids: Vec<u32>,
    ends: Vec<u32>,
}

fn silence_panics() {
    // The default hook prints to stderr; a caught panic is reported as an error instead.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_string()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "the tokenizer failed inside".to_string()
    }
}

fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    silence_panics();
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(panic_text(payload)))
}

unsafe fn report(error: *mut *mut c_char, text: String) {
    if !error.is_null() {
        let clean: Vec<u8> = text.into_bytes().into_iter().filter(|b| *b != 0).collect();
        *error = CString::new(clean).map_or(std::ptr::null_mut(), CString::into_raw);
    }
}

unsafe fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, size)
    }
}

fn load(json: &[u8]) -> Result<MxscopeTokenizer, String> {
    let mut bare = Tokenizer::from_bytes(json).map_err(|e| e.to_string())?;
    bare.with_truncation(None).map_err(|e| e.to_string())?;
    bare.with_padding(None);
    let template = bare.get_post_processor().cloned();
    bare.with_post_processor(None::<PostProcessorWrapper>);
    Ok(MxscopeTokenizer { bare, template })
}

impl MxscopeTokenizer {
    fn encode(&self, text: &str, add_special: bool, limit: usize) -> Result<Encoded, String> {
        let mut encoding = self.bare.encode(text, false).map_err(|e| e.to_string())?;
        if limit > 0 {
            let added = match &self.template {
                Some(template) if add_special => template.added_tokens(false),
                _ => 0,
            };
            encoding.truncate(limit.saturating_sub(added), 0, TruncationDirection::Right);
            encoding.take_overflowing();
        }
        let mut ends = Vec::with_capacity(encoding.len());
        let mut last = 0;
        for offsets in encoding.get_offsets() {
            last = last.max(offsets.1 as u32);
            ends.push(last);
        }
        let template = match &self.template {
            Some(template) if add_special => template,
            _ => {
                return Ok(Encoded {
                    ids: encoding.get_ids().to_vec(),
                    ends,
                })
            }
        };
        let whole = template
            .process(encoding, None, true)
            .map_err(|e| e.to_string())?;
        let front = whole
            .get_sequence_ids()
            .iter()
            .take_while(|id| id.is_none())
            .count();
        let mut all = vec![0; front];
        all.extend_from_slice(&ends);
        all.resize(whole.len(), last);
        Ok(Encoded {
            ids: whole.get_ids().to_vec(),
            ends: all,
        })
    }
}

fn into_raw(values: Vec<u32>) -> *mut u32 {
    Box::into_raw(values.into_boxed_slice()) as *mut u32
}

/// # Safety
/// `json` holds `size` bytes; `error` is null or writable.
#[no_mangle]
pub unsafe extern "C" fn mxscope_tokenizer_load(
    json: *const u8,
    size: usize,
    error: *mut *mut c_char,
) -> *mut MxscopeTokenizer {
    match guarded(|| load(bytes(json, size))) {
        Ok(tokenizer) => Box::into_raw(Box::new(tokenizer)),
        Err(text) => {
            report(error, text);
            std::ptr::null_mut()
        }
    }
}

/// # Safety
/// `tokenizer` came from `mxscope_tokenizer_load` or is null, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn mxscope_tokenizer_free(tokenizer: *mut MxscopeTokenizer) {
    if !tokenizer.is_null() {
        drop(Box::from_raw(tokenizer));
    }
}

/// # Safety
/// `tokenizer` is loaded, `text` holds `size` bytes, `tokens` is writable, `error` null or writable.
#[no_mangle]
pub unsafe extern "C" fn mxscope_tokenizer_encode(
    tokenizer: *const MxscopeTokenizer,
    text: *const u8,
    size: usize,
    add_special: c_int,
    max_length: usize,
    tokens: *mut MxscopeTokens,
    error: *mut *mut c_char,
) -> c_int {
    let result = guarded(|| {
        let text = std::str::from_utf8(bytes(text, size)).map_err(|e| e.to_string())?;
        (*tokenizer).encode(text, add_special != 0, max_length)
    });
    match result {
        Ok(encoded) => {
            let size = encoded.ids.len();
            *tokens = MxscopeTokens {
                ids: into_raw(encoded.ids),
                ends: into_raw(encoded.ends),
                size,
            };
            0
        }
        Err(text) => {
            report(error, text);
            1
        }
    }
}

/// # Safety
/// `tokens` was filled by `mxscope_tokenizer_encode`.
#[no_mangle]
pub unsafe extern "C" fn mxscope_tokenizer_free_tokens(tokens: *mut MxscopeTokens) {
    let tokens = &mut *tokens;
    for data in [tokens.ids, tokens.ends] {
        if !data.is_null() {
            drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(
                data,
                tokens.size,
            )));
        }
    }
    *tokens = MxscopeTokens {
        ids: std::ptr::null_mut(),
        ends: std::ptr::null_mut(),
        size: 0,
    };
}

/// # Safety
/// `tokenizer` is loaded.
#[no_mangle]
pub unsafe extern "C" fn mxscope_tokenizer_vocab_size(tokenizer: *const MxscopeTokenizer) -> usize {
    guarded(|| Ok((*tokenizer).bare.get_vocab_size(true))).unwrap_or(0)
}

/// # Safety
/// `tokenizer` is loaded, `token` holds `size` bytes.
#[no_mangle]
pub unsafe extern "C" fn mxscope_tokenizer_token_to_id(
    tokenizer: *const MxscopeTokenizer,
    token: *const u8,
    size: usize,
) -> i64 {
    guarded(|| {
        let token = std::str::from_utf8(bytes(token, size)).map_err(|e| e.to_string())?;
        Ok((*tokenizer).bare.token_to_id(token).map_or(-1, i64::from))
    })
    .unwrap_or(-1)
}

/// # Safety
/// `text` is an error of one of the functions above, or null, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn mxscope_tokenizer_free_text(text: *mut c_char) {
    if !text.is_null() {
        drop(CString::from_raw(text));
    }
}
