// The disk as SQLite sees it: it does what SQLite's own VFS for Unix does, in memory.
#include "disk.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  sqlite3_file base;
  faulty_disk *disk;
  node *file;
  char *path;
  int lock;
  bool is_read_only;
  bool is_removed_on_close;
  bool has_no_locks;
  // The first sync of a log or journal also makes its name durable, as unixSync does it.
  bool syncs_folder;
  bool has_memory;
  unsigned shared_locks, exclusive_locks;
} handle;

static handle *handle_of(sqlite3_file *file) { return (handle *)file; }

static faulty_disk *disk_of(sqlite3_vfs *vfs) { return vfs->pAppData; }

static sqlite3_vfs *system_vfs(void) { return sqlite3_vfs_find(NULL); }

// Reading and writing.

static int vfs_read(sqlite3_file *base, void *bytes, int length, sqlite3_int64 offset) {
  handle *open = handle_of(base);
  faulty_failure failure;
  int code = SQLITE_OK;
  pthread_mutex_lock(&open->disk->mutex);
  if (disk_fails(open->disk, FAULTY_READ, &failure)) {
    code = SQLITE_IOERR_READ;
  } else {
    const content *content = &open->file->seen;
    sqlite3_int64 count = offset < content->size ? content->size - offset : 0;
    if (count >= length) {
      memcpy(bytes, content->bytes + offset, (size_t)length);
    } else {
      if (count > 0) memcpy(bytes, content->bytes + offset, (size_t)count);
      memset((char *)bytes + count, 0, (size_t)(length - count));
      code = SQLITE_IOERR_SHORT_READ;
    }
  }
  pthread_mutex_unlock(&open->disk->mutex);
  return code;
}

static int vfs_write(sqlite3_file *base, const void *bytes, int length, sqlite3_int64 offset) {
  handle *open = handle_of(base);
  pthread_mutex_lock(&open->disk->mutex);
  int code = disk_write(open->disk, open->file, offset, bytes, length);
  pthread_mutex_unlock(&open->disk->mutex);
  return code == 0 ? SQLITE_OK : code == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size) {
  handle *open = handle_of(base);
  pthread_mutex_lock(&open->disk->mutex);
  int code = disk_truncate(open->disk, open->file, size);
  pthread_mutex_unlock(&open->disk->mutex);
  return code == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int vfs_sync(sqlite3_file *base, int flags) {
  (void)flags;
  handle *open = handle_of(base);
  pthread_mutex_lock(&open->disk->mutex);
  int code = disk_sync(open->disk, open->file) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
  if (code == SQLITE_OK && open->syncs_folder) {
    // unixSync lets this fail in silence, too.
    disk_sync_folder(open->disk);
    open->syncs_folder = false;
  }
  pthread_mutex_unlock(&open->disk->mutex);
  return code;
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *size) {
  handle *open = handle_of(base);
  pthread_mutex_lock(&open->disk->mutex);
  *size = open->file->seen.size;
  pthread_mutex_unlock(&open->disk->mutex);
  return SQLITE_OK;
}

// Locks.

static int vfs_lock(sqlite3_file *base, int level) {
  handle *open = handle_of(base);
  node *file = open->file;
  int code = SQLITE_OK;
  if (open->has_no_locks) return SQLITE_OK;
  pthread_mutex_lock(&open->disk->mutex);
  if (open->lock >= level) {
    // Held already.
  } else if (level == SQLITE_LOCK_SHARED) {
    if (file->writer && file->writer_level >= SQLITE_LOCK_PENDING) {
      code = SQLITE_BUSY;
    } else {
      file->shared++;
      open->lock = level;
    }
  } else if (file->writer && file->writer != open) {
    code = SQLITE_BUSY;
  } else {
    file->writer = open;
    if (level == SQLITE_LOCK_EXCLUSIVE && file->shared > 1) {
      level = SQLITE_LOCK_PENDING;
      code = SQLITE_BUSY;
    }
    file->writer_level = level;
    open->lock = level;
  }
  pthread_mutex_unlock(&open->disk->mutex);
  return code;
}

static int vfs_unlock(sqlite3_file *base, int level) {
  handle *open = handle_of(base);
  node *file = open->file;
  pthread_mutex_lock(&open->disk->mutex);
  if (open->lock > level) {
    if (file->writer == open) {
      file->writer = NULL;
      file->writer_level = SQLITE_LOCK_NONE;
    }
    if (level == SQLITE_LOCK_NONE) file->shared--;
    open->lock = level;
  }
  pthread_mutex_unlock(&open->disk->mutex);
  return SQLITE_OK;
}

static int vfs_check_reserved(sqlite3_file *base, int *is_reserved) {
  handle *open = handle_of(base);
  pthread_mutex_lock(&open->disk->mutex);
  *is_reserved = open->file->writer != NULL;
  pthread_mutex_unlock(&open->disk->mutex);
  return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int operation, void *argument) {
  (void)base, (void)operation, (void)argument;
  return SQLITE_NOTFOUND;
}

static int vfs_sector_size(sqlite3_file *base) {
  (void)base;
  return 4096;
}

static int vfs_characteristics(sqlite3_file *base) {
  (void)base;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// Shared memory of the write-ahead log. A power cut and the end of its users forget it. On a real disk it is a file, which
// needs room when it is made.
#define SHM_BYTES 32768

static int memory_failure(const faulty_disk *disk, const node *file) {
  if (file->region_count > 0) return SQLITE_OK;
  if (disk->is_read_only) return SQLITE_CANTOPEN;
  if (disk->capacity >= 0 && disk->used + SHM_BYTES > disk->capacity) return SQLITE_IOERR_SHMSIZE;
  return SQLITE_OK;
}

static int vfs_map(sqlite3_file *base, int region, int size, int extends, void volatile **memory) {
  handle *open = handle_of(base);
  node *file = open->file;
  *memory = NULL;
  pthread_mutex_lock(&open->disk->mutex);
  int code = memory_failure(open->disk, file);
  if (code != SQLITE_OK) {
    pthread_mutex_unlock(&open->disk->mutex);
    return code;
  }
  if (!open->has_memory) {
    open->has_memory = true;
    file->shm_users++;
  }
  if (region >= file->region_count && extends) {
    file->regions = realloc(file->regions, sizeof(void *) * (size_t)(region + 1));
    if (!file->regions) abort();
    while (file->region_count <= region) {
      void *made = calloc(1, (size_t)size);
      if (!made) abort();
      file->regions[file->region_count++] = made;
    }
  }
  if (region < file->region_count) *memory = file->regions[region];
  pthread_mutex_unlock(&open->disk->mutex);
  return SQLITE_OK;
}

static void let_go(handle *open, unsigned mask) {
  for (int slot = 0; slot < SHM_LOCKS; slot++) {
    unsigned bit = mask & 1u << slot;
    if (open->shared_locks & bit) open->file->shm_shared[slot]--;
    if (open->exclusive_locks & bit) open->file->shm_exclusive[slot] = NULL;
  }
  open->shared_locks &= ~mask;
  open->exclusive_locks &= ~mask;
}

static int vfs_lock_memory(sqlite3_file *base, int offset, int count, int flags) {
  handle *open = handle_of(base);
  node *file = open->file;
  unsigned mask = ((1u << count) - 1) << offset;
  int code = SQLITE_OK;
  pthread_mutex_lock(&open->disk->mutex);
  if (flags & SQLITE_SHM_UNLOCK) {
    let_go(open, mask);
  } else {
    bool is_shared = flags & SQLITE_SHM_SHARED;
    for (int slot = offset; slot < offset + count; slot++) {
      bool is_own = open->shared_locks & 1u << slot;
      bool is_other = file->shm_exclusive[slot] && file->shm_exclusive[slot] != open;
      if (is_other || (!is_shared && file->shm_shared[slot] > (is_own ? 1 : 0))) code = SQLITE_BUSY;
    }
    for (int slot = offset; code == SQLITE_OK && slot < offset + count; slot++) {
      if (!is_shared) {
        file->shm_exclusive[slot] = open;
      } else if (!(open->shared_locks & 1u << slot)) {
        file->shm_shared[slot]++;
      }
    }
    if (code == SQLITE_OK && is_shared) open->shared_locks |= mask;
    if (code == SQLITE_OK && !is_shared) open->exclusive_locks |= mask;
  }
  pthread_mutex_unlock(&open->disk->mutex);
  return code;
}

static void vfs_barrier(sqlite3_file *base) {
  handle *open = handle_of(base);
  // As in SQLite: also what the compiler and the processor might move over it.
  pthread_mutex_lock(&open->disk->mutex);
  __sync_synchronize();
  pthread_mutex_unlock(&open->disk->mutex);
}

static void unmap(handle *open) {
  node *file = open->file;
  let_go(open, ~0u);
  if (!open->has_memory) return;
  open->has_memory = false;
  if (--file->shm_users > 0) return;
  for (int region = 0; region < file->region_count; region++) free(file->regions[region]);
  free(file->regions);
  file->regions = NULL;
  file->region_count = 0;
}

static int vfs_unmap(sqlite3_file *base, int removes) {
  (void)removes;
  handle *open = handle_of(base);
  pthread_mutex_lock(&open->disk->mutex);
  unmap(open);
  pthread_mutex_unlock(&open->disk->mutex);
  return SQLITE_OK;
}

static int vfs_close(sqlite3_file *base) {
  handle *open = handle_of(base);
  vfs_unlock(base, SQLITE_LOCK_NONE);
  pthread_mutex_lock(&open->disk->mutex);
  unmap(open);
  if (open->is_removed_on_close && open->path) disk_remove(open->disk, open->path);
  pthread_mutex_unlock(&open->disk->mutex);
  free(open->path);
  return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
  2, vfs_close, vfs_read, vfs_write, vfs_truncate, vfs_sync, vfs_size, vfs_lock, vfs_unlock, vfs_check_reserved,
  vfs_control, vfs_sector_size, vfs_characteristics, vfs_map, vfs_lock_memory, vfs_barrier, vfs_unmap, NULL, NULL,
};

// The VFS itself.

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *given) {
  handle *open = handle_of(base);
  faulty_disk *disk = disk_of(vfs);
  faulty_failure failure;
  memset(open, 0, sizeof *open);
  pthread_mutex_lock(&disk->mutex);
  node *file = path ? disk_find(disk, path) : NULL;
  bool fails = disk_fails(disk, FAULTY_OPEN, &failure);
  if (!fails && !path) file = disk_create_nameless(disk);
  if (!fails && !file && flags & SQLITE_OPEN_CREATE && !disk->is_read_only) file = disk_create(disk, path);
  if (fails || !file) {
    pthread_mutex_unlock(&disk->mutex);
    return SQLITE_CANTOPEN;
  }
  open->disk = disk;
  open->file = file;
  open->path = path ? strdup(path) : NULL;
  open->is_read_only = flags & SQLITE_OPEN_READONLY || disk->is_read_only;
  open->is_removed_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
  open->has_no_locks = vfs == &disk->unlocked_vfs;
  int logs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
  open->syncs_folder = flags & SQLITE_OPEN_CREATE && flags & logs;
  if (open->is_read_only) flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
  if (given) *given = flags;
  open->base.pMethods = &methods;
  pthread_mutex_unlock(&disk->mutex);
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs_folder) {
  faulty_disk *disk = disk_of(vfs);
  pthread_mutex_lock(&disk->mutex);
  int code = disk_remove(disk, path);
  int result = code == 0 ? SQLITE_OK : code == ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
  if (code == 0 && syncs_folder && disk_sync_folder(disk) != 0) result = SQLITE_IOERR_DIR_FSYNC;
  pthread_mutex_unlock(&disk->mutex);
  return result;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *answer) {
  faulty_disk *disk = disk_of(vfs);
  pthread_mutex_lock(&disk->mutex);
  const node *file = disk->has_ended ? NULL : disk_find(disk, path);
  // unixAccess says of an empty file that it is not there.
  *answer = file && (flags != SQLITE_ACCESS_EXISTS || file->seen.size > 0);
  pthread_mutex_unlock(&disk->mutex);
  return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *full) {
  (void)vfs;
  if (strlen(path) >= (size_t)size) return SQLITE_CANTOPEN;
  strcpy(full, path);
  return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *bytes) {
  (void)vfs;
  return system_vfs()->xRandomness(system_vfs(), count, bytes);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return system_vfs()->xSleep(system_vfs(), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *time) {
  (void)vfs;
  return system_vfs()->xCurrentTime(system_vfs(), time);
}

static int vfs_time_in_milliseconds(sqlite3_vfs *vfs, sqlite3_int64 *time) {
  (void)vfs;
  return system_vfs()->xCurrentTimeInt64(system_vfs(), time);
}

static int vfs_last_error(sqlite3_vfs *vfs, int count, char *text) {
  (void)vfs, (void)count, (void)text;
  return 0;
}

void vfs_prepare(faulty_disk *disk) {
  disk->vfs = (sqlite3_vfs){
    .iVersion = 2,
    .szOsFile = sizeof(handle),
    .mxPathname = 512,
    .zName = disk->name,
    .pAppData = disk,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xGetLastError = vfs_last_error,
    .xCurrentTimeInt64 = vfs_time_in_milliseconds,
  };
  sqlite3_vfs_register(&disk->vfs, 0);
  disk->unlocked_vfs = disk->vfs;
  disk->unlocked_vfs.pNext = NULL;
  disk->unlocked_vfs.zName = disk->unlocked_name;
  sqlite3_vfs_register(&disk->unlocked_vfs, 0);
}
