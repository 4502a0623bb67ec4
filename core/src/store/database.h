// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace mxscope::store {

// One SQLite connection. Every failure becomes an Error that names the file. An object may be used
// by one thread at a time.
class Database {
 public:
  enum class Access {
    kCreate,     // read and write; the file is made
    kRead,       // read; other programs may write meanwhile
    kImmutable,  // read, on a medium where not even a lock can be taken
  };

  Database(const std::filesystem::path& path, Access access, std::chrono::milliseconds patience);

  // Runs statements that give no rows.
  void run(const char* sql);
  // The same for what SQLite does not wait with itself: asks again while another program is in the
  // way, for as long as `patience`.
  void run_patiently(const char* sql, std::chrono::milliseconds patience);
  // First column of the first row; 0 or "" where there is none.
  [[nodiscard]] std::int64_t integer(const char* sql);
  [[nodiscard]] std::string text(const char* sql);

  [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // The file or the medium cannot be written to.
  [[nodiscard]] bool write_protected() const noexcept;
  // Throws the Error of result code `code`.
  [[noreturn]] void fail(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };

  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// Bytes bound as a blob.
struct Blob {
  std::string_view bytes;
};

// One prepared statement; parameters are numbered from 1, columns from 0.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  // Binds the parameters in order. A NaN is stored as NULL.
  template <typename... Values>
  Statement& bind(const Values&... values) {
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }

  // True where there is a row; false at the end.
  bool step();
  // Runs to the end and makes the statement ready for the next parameters.
  void execute();
  // Ready for the next parameters, rows that are left notwithstanding.
  void reset() { sqlite3_reset(statement_); }

  [[nodiscard]] std::int64_t integer(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  // NULL reads as NaN.
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  void bind_one(int index, std::int64_t value);
  void bind_one(int index, double value);
  void bind_one(int index, const std::string& value);
  void bind_one(int index, std::string_view value);
  void bind_one(int index, Blob value);
  void check(int code) const;

  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
};

// Rolls back unless committed. Takes the write lock at its begin, so that it cannot fail for want
// of it later.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace mxscope::store
