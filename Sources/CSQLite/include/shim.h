#ifndef MIMAMORI_CSQLITE_SHIM_H
#define MIMAMORI_CSQLITE_SHIM_H
#include <sqlite3.h>
#endif
