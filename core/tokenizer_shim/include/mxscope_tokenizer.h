/* SPDX-License-Identifier: Apache-2.0 */
/* The `tokenizers` crate behind a C interface. No panic crosses it. A tokenizer is never changed
   after it was loaded, so any number of threads may use one at once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct MxscopeTokenizer MxscopeTokenizer;

/* Owned by the caller until mxscope_tokenizer_free_tokens. `ends` are bytes of the text before the
   end of each token, never decreasing; 0 for tokens added in front. */
typedef struct {
  uint32_t* ids;
  uint32_t* ends;
  size_t size;
} MxscopeTokens;

/* Loads the text of a tokenizer.json, less its truncation and padding. On failure the answer is
   null and *error is a sentence to be freed with mxscope_tokenizer_free_text. */
MxscopeTokenizer* mxscope_tokenizer_load(const uint8_t* json, size_t size, char** error);
void mxscope_tokenizer_free(MxscopeTokenizer* tokenizer);

/* Encodes UTF-8 text of less than 4 GiB; 0 on success. `max_length` 0: no limit, else as many ids
   at most, with room for the template's own tokens. On failure *error is set as above. */
int mxscope_tokenizer_encode(const MxscopeTokenizer* tokenizer, const uint8_t* text, size_t size,
                             int add_special, size_t max_length, MxscopeTokens* tokens,
                             char** error);
void mxscope_tokenizer_free_tokens(MxscopeTokens* tokens);

/* Number of tokens, added ones included. */
size_t mxscope_tokenizer_vocab_size(const MxscopeTokenizer* tokenizer);
/* Id of a token, or -1. */
int64_t mxscope_tokenizer_token_to_id(const MxscopeTokenizer* tokenizer, const uint8_t* token,
                                      size_t size);

void mxscope_tokenizer_free_text(char* text);

#ifdef __cplusplus
}
#endif
