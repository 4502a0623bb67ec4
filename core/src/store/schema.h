// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "store/database.h"

namespace mxscope::store {

// "MXSc", in the header of every store.
inline constexpr std::int64_t kApplicationId = 0x4d585363;

// Step i takes a file from schema version i to i + 1. A released step is never edited.
[[nodiscard]] std::span<const char* const> migrations() noexcept;

// Version that this program writes.
[[nodiscard]] std::int64_t schema_version() noexcept;

// Throws Error kInvalidInput where the file belongs to another program or holds views or triggers,
// which no store has. Changes nothing.
void check_owner(Database& database);

// Brings the file to the last version of `steps` in one transaction; a new file gets its tables.
void migrate(Database& database, std::span<const char* const> steps = migrations());

}  // namespace mxscope::store
