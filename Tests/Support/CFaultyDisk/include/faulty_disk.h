#ifndef MIMAMORI_FAULTY_DISK_H
#define MIMAMORI_FAULTY_DISK_H

#include <stdbool.h>
#include <stdint.h>

// A disk in memory with a SQLite VFS of its own name. It knows of every file what programs see, what is surely on the
// platters, and every change in between; of the names of files likewise. All folders share one directory.
//
// Safe for several threads. Nothing here waits, except SQLite's own sleep when a lock is taken.
typedef struct faulty_disk faulty_disk;

// The calls that can be counted, slowed and made to fail.
typedef enum {
  FAULTY_READ,
  FAULTY_WRITE,
  FAULTY_TRUNCATE,
  FAULTY_SYNC,
  FAULTY_OPEN,
  FAULTY_REMOVE,
  FAULTY_RENAME,
  FAULTY_SYNC_FOLDER,
  FAULTY_CALLS
} faulty_call;

typedef enum {
  // EIO. Of a sync: some of what was to be written is on the platters, and the rest is taken for written all the same.
  FAULTY_INPUT_OUTPUT,
  // ENOSPC, with nothing written.
  FAULTY_FULL,
  // Half of it is written, then ENOSPC.
  FAULTY_SHORT
} faulty_failure;

typedef enum {
  FAULTY_HONEST,
  // A sync does nothing and says that it did.
  FAULTY_IGNORES_SYNCS,
  // A sync brings to the platters what stood at the one before it.
  FAULTY_DELAYS_SYNCS
} faulty_honesty;

typedef enum {
  // Of what no sync covered, nothing.
  FAULTY_CUT_NOTHING,
  // All of it.
  FAULTY_CUT_EVERYTHING,
  // Any part of it, in sectors of 512 bytes, by the seed.
  FAULTY_CUT_TORN
} faulty_cut;

// A new disk, empty. `faulty_disk_free` frees it once nobody has a file of it open.
faulty_disk *faulty_disk_make(void);
void faulty_disk_free(faulty_disk *disk);
const char *faulty_disk_vfs(const faulty_disk *disk);
const char *faulty_disk_unlocked_vfs(const faulty_disk *disk);

// The same files with the same unsynced changes, without faults and without anybody who has them open: what a killed
// process leaves.
faulty_disk *faulty_disk_copy(faulty_disk *disk);
// What a power cut leaves.
faulty_disk *faulty_disk_after_cut(faulty_disk *disk, faulty_cut cut, uint64_t seed);

// Faults.

// After so many more calls of this kind the next `times` fail.
void faulty_disk_fail(faulty_disk *disk, faulty_call call, uint64_t after, uint64_t times, faulty_failure failure);
// No call fails any more, there is room, it can be written.
void faulty_disk_heal(faulty_disk *disk);
// Bytes that all files may hold; negative: without a limit.
void faulty_disk_set_capacity(faulty_disk *disk, int64_t bytes);
int64_t faulty_disk_used(faulty_disk *disk);
int64_t faulty_disk_free_bytes(faulty_disk *disk);
void faulty_disk_set_read_only(faulty_disk *disk, bool is_read_only);
void faulty_disk_set_honesty(faulty_disk *disk, faulty_honesty honesty);
// What each call of a kind takes from now on. Nobody waits: `faulty_disk_take_delay` tells, and forgets, what it came to.
void faulty_disk_slow(faulty_disk *disk, faulty_call call, int64_t nanoseconds);
int64_t faulty_disk_take_delay(faulty_disk *disk);
uint64_t faulty_disk_calls(faulty_disk *disk, faulty_call call);
// The process has ended or the power is gone: from now on every call fails and changes nothing.
void faulty_disk_end(faulty_disk *disk);

// The journal of changes.

typedef struct {
  faulty_call call;
  int64_t offset;
  int64_t length;
} faulty_operation;

// Keeps every change from now on.
void faulty_disk_record(faulty_disk *disk);
uint64_t faulty_disk_operations(faulty_disk *disk);
// Writes the file's path, or its old one, into `path`: at most so many bytes with the zero at its end.
faulty_operation faulty_disk_operation(faulty_disk *disk, uint64_t index, char *path, int32_t size);
// Does to `copy`, which was made as recording began, what was done to `disk` in that operation.
void faulty_disk_replay(faulty_disk *copy, faulty_disk *disk, uint64_t index);

// Files, besides what SQLite does with them. Results are 0 or an errno.

int32_t faulty_disk_create(faulty_disk *disk, const char *path);
int32_t faulty_disk_look(faulty_disk *disk, const char *path);
int64_t faulty_disk_size(faulty_disk *disk, const char *path);
int64_t faulty_disk_get(faulty_disk *disk, const char *path, int64_t offset, void *bytes, int64_t length);
int32_t faulty_disk_put(faulty_disk *disk, const char *path, int64_t offset, const void *bytes, int64_t length);
int32_t faulty_disk_sync(faulty_disk *disk, const char *path);
int32_t faulty_disk_sync_folder(faulty_disk *disk);
int32_t faulty_disk_rename(faulty_disk *disk, const char *path, const char *new_path);
int32_t faulty_disk_remove(faulty_disk *disk, const char *path);
// Writes the path of a file into `path`. False behind the last.
bool faulty_disk_path(faulty_disk *disk, uint64_t index, char *path, int32_t size);
// Of all names and bytes as programs see them.
uint64_t faulty_disk_hash(faulty_disk *disk);

// Not of a disk: 32 bytes that every bit of the input changes. What a test proves thousands of times is proven with them.
void faulty_disk_digest(const void *bytes, int64_t length, void *digest);
// Bytes of memory that this process has taken from the C library, and those of them that a disk holds.
int64_t faulty_disk_process_heap(void);
int64_t faulty_disk_held(faulty_disk *disk);

#endif
