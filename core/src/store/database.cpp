// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <unistd.h>

#include <cerrno>
#include <limits>
#include <system_error>
#include <thread>

#include "mxscope/core/base/error.h"

namespace mxscope::store {
namespace {

// No text or blob of the record comes near this; a damaged or hostile file may claim any size.
constexpr int kMaxValueBytes = 1 << 28;

// A path as an SQLite URI: everything that is not plain is escaped.
std::string uri_of(const std::filesystem::path& path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') || c == '/' || c == '-' || c == '_' || c == '.';
    if (plain) {
      uri += c;
    } else {
      uri += '%';
      uri += kDigits[byte >> 4];
      uri += kDigits[byte & 15];
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

Database::Database(const std::filesystem::path& path, Access access,
                   std::chrono::milliseconds patience)
    : path_(path) {
  int flags = SQLITE_OPEN_NOMUTEX;
  std::string name = path.string();
  if (access == Access::kCreate) {
    flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  } else {
    flags |= SQLITE_OPEN_READONLY;
  }
  if (access == Access::kImmutable) {
    flags |= SQLITE_OPEN_URI;
    name = uri_of(path);
  }
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &opened, flags, nullptr);
  handle_.reset(opened);
  if (opened == nullptr) {
    throw Error(ErrorCode::kOutOfMemory, "Store '" + path.string() + "': out of memory.");
  }
  sqlite3_extended_result_codes(opened, 1);
  if (code != SQLITE_OK) {
    fail(code);
  }
  sqlite3_busy_timeout(opened, static_cast<int>(patience.count()));
  // The file may come from anybody: what its schema says is not to be run.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  run("PRAGMA cell_size_check = ON");
}

void Database::run_patiently(const char* sql, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kPause{5};
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) {
      return;
    }
    if ((code & 0xFF) != SQLITE_BUSY || std::chrono::steady_clock::now() >= end) {
      fail(code);
    }
    std::this_thread::sleep_for(kPause);
  }
}

void Database::run(const char* sql) {
  const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    fail(code);
  }
}

std::int64_t Database::integer(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Database::text(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.text(0) : std::string();
}

bool Database::write_protected() const noexcept {
  return sqlite3_db_readonly(handle(), "main") == 1;
}

void Database::fail(int code) const {
  const std::string file = "Store '" + path_.string() + "' ";
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorCode::kIo, file + "is locked by another program.");
    case SQLITE_FULL:
      throw Error(ErrorCode::kIo, file + "cannot be written: the disk is full.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      throw Error(ErrorCode::kInvalidInput, file + "is damaged: " + sqlite3_errmsg(handle()) + ".");
    case SQLITE_NOMEM:
      throw Error(ErrorCode::kOutOfMemory, file + "cannot be used: out of memory.");
    case SQLITE_CANTOPEN: {
      // SQLite tries again in other ways, and the last system error is of those.
      std::filesystem::path folder = path_.parent_path();
      if (folder.empty()) {
        folder = ".";
      }
      if (access(folder.c_str(), W_OK) != 0) {
        throw Error(ErrorCode::kIo,
                    file + "cannot be made: " + std::generic_category().message(errno) + ".");
      }
      break;
    }
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      throw Error(ErrorCode::kIo, file + "cannot be written: it is write-protected.");
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
      // Our own statements are right, so the tables are not what they should be.
      throw Error(ErrorCode::kInvalidInput,
                  file + "does not have the expected tables: " + sqlite3_errmsg(handle()) + ".");
    default:
      break;
  }
  std::string reason = sqlite3_errmsg(handle());
  if (const int system = sqlite3_system_errno(handle()); system != 0) {
    reason += ": " + std::generic_category().message(system);
  }
  throw Error(ErrorCode::kIo, file + "cannot be used: " + reason + ".");
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  check(sqlite3_prepare_v2(database.handle(), sql, -1, &statement_, nullptr));
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) {
    database_.fail(code);
  }
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    database_.fail(code);
  }
  return code == SQLITE_ROW;
}

void Statement::execute() {
  while (step()) {
  }
  check(sqlite3_reset(statement_));
}

double Statement::real(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL
             ? std::numeric_limits<double>::quiet_NaN()
             : sqlite3_column_double(statement_, column);
}

std::string Statement::text(int column) const {
  // The blob's bytes are taken, since a text may hold zero bytes; its size is asked for afterwards.
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr || size <= 0
             ? std::string()
             : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

void Statement::bind_one(int index, std::int64_t value) {
  check(sqlite3_bind_int64(statement_, index, value));
}

void Statement::bind_one(int index, double value) {
  check(sqlite3_bind_double(statement_, index, value));
}

void Statement::bind_one(int index, const std::string& value) {
  bind_one(index, std::string_view(value));
}

void Statement::bind_one(int index, std::string_view value) {
  check(sqlite3_bind_text64(statement_, index, value.data() == nullptr ? "" : value.data(),
                            value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind_one(int index, Blob value) {
  check(sqlite3_bind_blob64(statement_, index, value.bytes.data(), value.bytes.size(),
                            SQLITE_TRANSIENT));
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // A failed write may have rolled back by itself already.
  if (open_ && sqlite3_get_autocommit(database_.handle()) == 0) {
    sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace mxscope::store
