// What is done to files besides SQLite, and the disk's faults.
#include "disk.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

const char *faulty_disk_vfs(const faulty_disk *disk) { return disk->name; }

const char *faulty_disk_unlocked_vfs(const faulty_disk *disk) { return disk->unlocked_name; }

void faulty_disk_fail(faulty_disk *disk, faulty_call call, uint64_t after, uint64_t times, faulty_failure failure) {
  pthread_mutex_lock(&disk->mutex);
  disk->faults[call] = (fault){after, times, failure};
  pthread_mutex_unlock(&disk->mutex);
}

void faulty_disk_heal(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  memset(disk->faults, 0, sizeof disk->faults);
  disk->capacity = -1;
  disk->is_read_only = false;
  pthread_mutex_unlock(&disk->mutex);
}

void faulty_disk_set_capacity(faulty_disk *disk, int64_t bytes) {
  pthread_mutex_lock(&disk->mutex);
  disk->capacity = bytes;
  pthread_mutex_unlock(&disk->mutex);
}

int64_t faulty_disk_used(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  int64_t used = disk->used;
  pthread_mutex_unlock(&disk->mutex);
  return used;
}

int64_t faulty_disk_free_bytes(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  int64_t bytes = disk->capacity < 0 ? INT64_MAX : disk->capacity > disk->used ? disk->capacity - disk->used : 0;
  pthread_mutex_unlock(&disk->mutex);
  return bytes;
}

void faulty_disk_set_read_only(faulty_disk *disk, bool is_read_only) {
  pthread_mutex_lock(&disk->mutex);
  disk->is_read_only = is_read_only;
  pthread_mutex_unlock(&disk->mutex);
}

void faulty_disk_set_honesty(faulty_disk *disk, faulty_honesty honesty) {
  pthread_mutex_lock(&disk->mutex);
  disk->honesty = honesty;
  pthread_mutex_unlock(&disk->mutex);
}

void faulty_disk_slow(faulty_disk *disk, faulty_call call, int64_t nanoseconds) {
  pthread_mutex_lock(&disk->mutex);
  disk->delays[call] = nanoseconds;
  pthread_mutex_unlock(&disk->mutex);
}

int64_t faulty_disk_take_delay(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  int64_t delay = disk->delay;
  disk->delay = 0;
  pthread_mutex_unlock(&disk->mutex);
  return delay;
}

uint64_t faulty_disk_calls(faulty_disk *disk, faulty_call call) {
  pthread_mutex_lock(&disk->mutex);
  uint64_t calls = disk->calls[call];
  pthread_mutex_unlock(&disk->mutex);
  return calls;
}

void faulty_disk_end(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  disk->has_ended = true;
  pthread_mutex_unlock(&disk->mutex);
}

int32_t faulty_disk_create(faulty_disk *disk, const char *path) {
  faulty_failure failure;
  int32_t code = 0;
  pthread_mutex_lock(&disk->mutex);
  if (disk_fails(disk, FAULTY_OPEN, &failure)) {
    code = EIO;
  } else if (!disk_find(disk, path)) {
    if (disk->is_read_only) {
      code = EROFS;
    } else {
      disk_create(disk, path);
    }
  }
  pthread_mutex_unlock(&disk->mutex);
  return code;
}

int32_t faulty_disk_look(faulty_disk *disk, const char *path) {
  pthread_mutex_lock(&disk->mutex);
  int32_t code = disk->has_ended ? EIO : disk_find(disk, path) ? 0 : ENOENT;
  pthread_mutex_unlock(&disk->mutex);
  return code;
}

int64_t faulty_disk_size(faulty_disk *disk, const char *path) {
  pthread_mutex_lock(&disk->mutex);
  node *file = disk_find(disk, path);
  int64_t size = file ? file->seen.size : 0;
  pthread_mutex_unlock(&disk->mutex);
  return size;
}

int64_t faulty_disk_get(faulty_disk *disk, const char *path, int64_t offset, void *bytes, int64_t length) {
  faulty_failure failure;
  pthread_mutex_lock(&disk->mutex);
  node *file = disk_fails(disk, FAULTY_READ, &failure) ? NULL : disk_find(disk, path);
  int64_t count = file && offset < file->seen.size ? file->seen.size - offset : 0;
  if (count > length) count = length;
  if (count > 0) memcpy(bytes, file->seen.bytes + offset, (size_t)count);
  pthread_mutex_unlock(&disk->mutex);
  return count;
}

int32_t faulty_disk_put(faulty_disk *disk, const char *path, int64_t offset, const void *bytes, int64_t length) {
  pthread_mutex_lock(&disk->mutex);
  node *file = disk_find(disk, path);
  int32_t code = file ? disk_write(disk, file, offset, bytes, length) : ENOENT;
  pthread_mutex_unlock(&disk->mutex);
  return code;
}

int32_t faulty_disk_sync(faulty_disk *disk, const char *path) {
  pthread_mutex_lock(&disk->mutex);
  node *file = disk_find(disk, path);
  int32_t code = file ? disk_sync(disk, file) : ENOENT;
  pthread_mutex_unlock(&disk->mutex);
  return code;
}

int32_t faulty_disk_sync_folder(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  int32_t code = disk_sync_folder(disk);
  pthread_mutex_unlock(&disk->mutex);
  return code;
}

int32_t faulty_disk_remove(faulty_disk *disk, const char *path) {
  pthread_mutex_lock(&disk->mutex);
  int32_t code = disk_remove(disk, path);
  pthread_mutex_unlock(&disk->mutex);
  return code;
}

bool faulty_disk_path(faulty_disk *disk, uint64_t index, char *path, int32_t size) {
  pthread_mutex_lock(&disk->mutex);
  bool is_there = index < disk->seen.count;
  if (is_there) snprintf(path, (size_t)size, "%s", disk->seen.entries[index].path);
  pthread_mutex_unlock(&disk->mutex);
  return is_there;
}

static uint64_t hashed(uint64_t hash, const void *bytes, int64_t length) {
  const uint8_t *byte = bytes;
  for (; length >= 8; length -= 8, byte += 8) {
    uint64_t word;
    memcpy(&word, byte, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  for (; length > 0; length--, byte++) hash = (hash ^ *byte) * 0x100000001b3u;
  return hash;
}

uint64_t faulty_disk_hash(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < disk->seen.count; i++) {
    // The order of names means nothing.
    const entry *entry = &disk->seen.entries[i];
    const content *content = &disk->nodes[entry->number]->seen;
    uint64_t hash = hashed(0xcbf29ce484222325u, entry->path, (int64_t)strlen(entry->path) + 1);
    sum += hashed(hash, content->bytes, content->size) * 31 + (uint64_t)content->size;
  }
  pthread_mutex_unlock(&disk->mutex);
  return sum;
}

void faulty_disk_digest(const void *bytes, int64_t length, void *digest) {
  uint64_t words[4];
  for (uint64_t part = 0; part < 4; part++) words[part] = hashed(part * 0x9e3779b97f4a7c15u + 1, bytes, length);
  memcpy(digest, words, sizeof words);
}

int64_t faulty_disk_process_heap(void) {
  struct mallinfo2 info = mallinfo2();
  return (int64_t)(info.uordblks + info.hblkhd);
}

int64_t faulty_disk_held(faulty_disk *disk) {
  int64_t held = 0;
  pthread_mutex_lock(&disk->mutex);
  for (uint32_t i = 0; i < disk->node_count; i++) {
    const node *file = disk->nodes[i];
    held += file->seen.capacity + file->durable.capacity + (int64_t)(file->change_capacity * sizeof(change));
    for (uint32_t c = 0; c < file->change_count; c++) held += file->changes[c].length;
  }
  pthread_mutex_unlock(&disk->mutex);
  return held;
}
