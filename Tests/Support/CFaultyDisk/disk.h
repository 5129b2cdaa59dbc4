#ifndef MIMAMORI_FAULTY_DISK_INTERNAL_H
#define MIMAMORI_FAULTY_DISK_INTERNAL_H

#include "faulty_disk.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

// Locks of the shared memory of a write-ahead log (sqlite3.h, SQLITE_SHM_NLOCK).
#define SHM_LOCKS 8

// Bytes that grow.
typedef struct {
  uint8_t *bytes;
  int64_t size;
  int64_t capacity;
} content;

// A write, or with null bytes a truncation to `offset`.
typedef struct {
  int64_t offset;
  int64_t length;
  uint8_t *bytes;
} change;

// A file, whatever it is called. Its number is its place in the disk's table.
typedef struct node {
  uint32_t number;
  content seen;
  content durable;
  // Since the last sync, in order.
  change *changes;
  uint32_t change_count, change_capacity;
  // How many there were at the last sync of a disk that delays.
  uint32_t delayed_count;

  // Locks of the database file: as those of SQLite's own VFS for Unix.
  int shared;
  void *writer;
  int writer_level;
  // Shared memory of its write-ahead log.
  void **regions;
  int region_count, region_size;
  int shm_users;
  int shm_shared[SHM_LOCKS];
  void *shm_exclusive[SHM_LOCKS];
} node;

// A name, and the file of it.
typedef struct {
  char *path;
  uint32_t number;
} entry;

typedef struct {
  entry *entries;
  uint32_t count, capacity;
} directory;

// A change of names: without `path` a file is made as `new_path`, without `new_path` one is removed.
typedef struct {
  char *path;
  char *new_path;
  uint32_t number;
} renaming;

typedef struct {
  faulty_call call;
  uint32_t number;
  // Of a sync: how many changes it made durable, and the seed by which one that failed left some out.
  uint32_t count;
  bool is_lost;
  uint64_t seed;
  change change;
  renaming renaming;
} operation;

typedef struct {
  uint64_t after;
  uint64_t times;
  faulty_failure failure;
} fault;

struct faulty_disk {
  sqlite3_vfs vfs;
  char name[40];
  // The same without locks.
  sqlite3_vfs unlocked_vfs;
  char unlocked_name[48];
  pthread_mutex_t mutex;

  node **nodes;
  uint32_t node_count, node_capacity;
  directory seen, durable;
  renaming *renamings;
  uint32_t renaming_count, renaming_capacity;
  uint32_t delayed_renamings;

  fault faults[FAULTY_CALLS];
  uint64_t calls[FAULTY_CALLS];
  int64_t delays[FAULTY_CALLS];
  int64_t delay;
  int64_t used;
  int64_t capacity;
  bool is_read_only, has_ended;
  faulty_honesty honesty;
  uint64_t lost_syncs;

  bool is_recording;
  operation *operations;
  uint64_t operation_count, operation_capacity;
};

// All of these want the disk's mutex to be held.

// Counts a call. Says whether it is to fail, and how.
bool disk_fails(faulty_disk *disk, faulty_call call, faulty_failure *failure);
node *disk_find(faulty_disk *disk, const char *path);
node *disk_create(faulty_disk *disk, const char *path);
node *disk_create_nameless(faulty_disk *disk);
// 0, or an errno; what fits is written.
int disk_write(faulty_disk *disk, node *file, int64_t offset, const void *bytes, int64_t length);
int disk_truncate(faulty_disk *disk, node *file, int64_t size);
int disk_sync(faulty_disk *disk, node *file);
int disk_sync_folder(faulty_disk *disk);
int disk_remove(faulty_disk *disk, const char *path);

// vfs.c
void vfs_prepare(faulty_disk *disk);

#endif
