#ifndef MIMAMORI_CSQLITE_SHIM_H
#define MIMAMORI_CSQLITE_SHIM_H

#include <sqlite3.h>

// SQLITE_TRANSIENT is a cast of -1 to a function pointer, which Swift cannot import: so binding with a copy is done here.
static inline int mimamori_bind_text(sqlite3_stmt *statement, int position, const char *text, int bytes) {
  return sqlite3_bind_text(statement, position, text, bytes, SQLITE_TRANSIENT);
}

// A null pointer would bind NULL: an empty value is bound as such.
static inline int mimamori_bind_blob(sqlite3_stmt *statement, int position, const void *bytes, int count) {
  if (count == 0) return sqlite3_bind_zeroblob(statement, position, 0);
  return sqlite3_bind_blob(statement, position, bytes, count, SQLITE_TRANSIENT);
}

// sqlite3_db_config takes any arguments, which Swift cannot call.
static inline int mimamori_leave_log_on_close(sqlite3 *database) {
  return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

#endif
