#include "disk.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512

static atomic_ullong disk_number;

static void *grown(void *items, uint32_t count, uint32_t *capacity, size_t size) {
  if (count < *capacity) return items;
  *capacity = *capacity ? *capacity * 2 : 8;
  items = realloc(items, *capacity * size);
  if (!items) abort();
  return items;
}

static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static uint64_t drawn(uint64_t seed, uint64_t a, uint64_t b) { return mix(mix(mix(seed) ^ a) ^ b); }

// Contents.

static void content_grow(content *content, int64_t size, int filler) {
  if (size <= content->size) return;
  if (size > content->capacity) {
    int64_t capacity = content->capacity ? content->capacity : 4096;
    while (capacity < size) capacity *= 2;
    content->bytes = realloc(content->bytes, (size_t)capacity);
    if (!content->bytes) abort();
    content->capacity = capacity;
  }
  memset(content->bytes + content->size, filler, (size_t)(size - content->size));
  content->size = size;
}

static void content_apply(content *content, const change *change) {
  if (!change->bytes) {
    content_grow(content, change->offset, 0);
    content->size = change->offset;
    return;
  }
  content_grow(content, change->offset + change->length, 0);
  memcpy(content->bytes + change->offset, change->bytes, (size_t)change->length);
}

static void content_copy(content *to, const content *from) {
  to->size = 0;
  content_grow(to, from->size, 0);
  if (from->size) memcpy(to->bytes, from->bytes, (size_t)from->size);
}

static change change_copy(const change *from) {
  change copy = *from;
  if (from->bytes) {
    copy.bytes = malloc((size_t)from->length + 1);
    if (!copy.bytes) abort();
    memcpy(copy.bytes, from->bytes, (size_t)from->length);
  }
  return copy;
}

// Power cuts.

typedef struct {
  faulty_cut cut;
  uint64_t seed;
  int style;
} lottery;

static lottery lottery_of(faulty_cut cut, uint64_t seed) { return (lottery){cut, seed, (int)(drawn(seed, 1, 1) % 3)}; }

// How many of `count` changes of a sector reached it.
static uint32_t reached(lottery lottery, uint32_t number, uint64_t sector, uint32_t count) {
  if (lottery.cut == FAULTY_CUT_NOTHING) return 0;
  if (lottery.cut == FAULTY_CUT_EVERYTHING) return count;
  uint64_t own = drawn(lottery.seed, number, sector + 2);
  switch (lottery.style) {
    case 0:  // any of its versions
      return (uint32_t)(own % (count + 1));
    case 1:  // its oldest or its newest
      return own & 1 ? count : 0;
    default: {  // all in order up to a moment, and of the one after it some sectors
      uint32_t moment = (uint32_t)(drawn(lottery.seed, number, 0) % (count + 1));
      return moment < count && (own & 1) ? moment + 1 : moment;
    }
  }
}

// What `count` changes leave of a content when the power is cut before they are synced.
static void content_survive(content *content, const node *file, uint32_t count, lottery lottery) {
  uint32_t size_moment = reached(lottery, file->number, UINT64_MAX - 3, count);
  int64_t size = content->size, longest = content->size;
  for (uint32_t i = 0; i < count; i++) {
    const change *change = &file->changes[i];
    int64_t end = change->bytes ? change->offset + change->length : change->offset;
    if (end > longest) longest = end;
    if (i < size_moment) size = change->bytes && end < size ? size : end;
  }
  // What a file grew by and was not written may hold what lay there before.
  int filler = lottery.cut == FAULTY_CUT_TORN && drawn(lottery.seed, 3, 3) % 3 == 0 ? 0xa5 : 0;
  content_grow(content, longest, filler);
  for (uint32_t i = 0; i < count; i++) {
    const change *change = &file->changes[i];
    int64_t end = change->bytes ? change->offset + change->length : longest;
    int64_t at = change->offset;
    while (at < end) {
      int64_t next = (at / SECTOR + 1) * SECTOR;
      if (next > end) next = end;
      if (i < reached(lottery, file->number, (uint64_t)(at / SECTOR), count)) {
        if (change->bytes) {
          memcpy(content->bytes + at, change->bytes + (at - change->offset), (size_t)(next - at));
        } else {
          memset(content->bytes + at, 0, (size_t)(next - at));
        }
      }
      at = next;
    }
  }
  content->size = size;
}

// Names.

static entry *directory_find(directory *directory, const char *path) {
  for (uint32_t i = 0; i < directory->count; i++) {
    if (strcmp(directory->entries[i].path, path) == 0) return &directory->entries[i];
  }
  return NULL;
}

static void directory_remove(directory *directory, const char *path) {
  entry *found = directory_find(directory, path);
  if (!found) return;
  free(found->path);
  *found = directory->entries[--directory->count];
}

static void directory_add(directory *directory, const char *path, uint32_t number) {
  directory_remove(directory, path);
  directory->entries = grown(directory->entries, directory->count, &directory->capacity, sizeof(entry));
  directory->entries[directory->count++] = (entry){strdup(path), number};
}

static void directory_apply(directory *directory, const renaming *renaming) {
  if (renaming->path) {
    entry *found = directory_find(directory, renaming->path);
    // A change before it, on which it stands, did not reach the platters.
    if (!found || found->number != renaming->number) return;
    directory_remove(directory, renaming->path);
  }
  if (renaming->new_path) directory_add(directory, renaming->new_path, renaming->number);
}

static void directory_copy(directory *to, const directory *from) {
  for (uint32_t i = 0; i < from->count; i++) directory_add(to, from->entries[i].path, from->entries[i].number);
}

static renaming renaming_copy(const renaming *from) {
  return (renaming){
    from->path ? strdup(from->path) : NULL, from->new_path ? strdup(from->new_path) : NULL, from->number};
}

static void renaming_free(renaming *renaming) {
  free(renaming->path);
  free(renaming->new_path);
}

// A disk's life.

faulty_disk *faulty_disk_make(void) {
  faulty_disk *disk = calloc(1, sizeof *disk);
  if (!disk) abort();
  pthread_mutex_init(&disk->mutex, NULL);
  disk->capacity = -1;
  snprintf(disk->name, sizeof disk->name, "faulty-disk-%llu", atomic_fetch_add(&disk_number, 1));
  snprintf(disk->unlocked_name, sizeof disk->unlocked_name, "%s-unlocked", disk->name);
  vfs_prepare(disk);
  return disk;
}

static void changes_free(node *file, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) free(file->changes[i].bytes);
  if (count < file->change_count) {
    memmove(file->changes, file->changes + count, (file->change_count - count) * sizeof(change));
  }
  file->change_count -= count;
}

static void directory_free(directory *directory) {
  for (uint32_t i = 0; i < directory->count; i++) free(directory->entries[i].path);
  free(directory->entries);
}

void faulty_disk_free(faulty_disk *disk) {
  sqlite3_vfs_unregister(&disk->vfs);
  sqlite3_vfs_unregister(&disk->unlocked_vfs);
  for (uint32_t i = 0; i < disk->node_count; i++) {
    node *file = disk->nodes[i];
    changes_free(file, file->change_count);
    free(file->changes);
    free(file->seen.bytes);
    free(file->durable.bytes);
    for (int region = 0; region < file->region_count; region++) free(file->regions[region]);
    free(file->regions);
    free(file);
  }
  free(disk->nodes);
  directory_free(&disk->seen);
  directory_free(&disk->durable);
  for (uint32_t i = 0; i < disk->renaming_count; i++) renaming_free(&disk->renamings[i]);
  free(disk->renamings);
  // Without recording they are only counted.
  for (uint64_t i = 0; disk->is_recording && i < disk->operation_count; i++) {
    free(disk->operations[i].change.bytes);
    renaming_free(&disk->operations[i].renaming);
  }
  free(disk->operations);
  pthread_mutex_destroy(&disk->mutex);
  free(disk);
}

node *disk_create_nameless(faulty_disk *disk) {
  disk->nodes = grown(disk->nodes, disk->node_count, &disk->node_capacity, sizeof(node *));
  node *file = calloc(1, sizeof *file);
  if (!file) abort();
  file->number = disk->node_count;
  disk->nodes[disk->node_count++] = file;
  return file;
}

static bool is_in(const directory *directory, uint32_t number) {
  for (uint32_t i = 0; i < directory->count; i++) {
    if (directory->entries[i].number == number) return true;
  }
  return false;
}

// Whether a file has a name, had one that is still on the platters, or may come to have one again.
static bool is_named(const faulty_disk *disk, uint32_t number) {
  bool is_renamed = false;
  for (uint32_t i = 0; i < disk->renaming_count; i++) {
    is_renamed = is_renamed || disk->renamings[i].number == number;
  }
  return is_renamed || is_in(&disk->seen, number) || is_in(&disk->durable, number);
}

faulty_disk *faulty_disk_copy(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  faulty_disk *copy = faulty_disk_make();
  for (uint32_t i = 0; i < disk->node_count; i++) {
    const node *from = disk->nodes[i];
    node *to = disk_create_nameless(copy);
    if (!is_named(disk, i)) continue;
    content_copy(&to->seen, &from->seen);
    content_copy(&to->durable, &from->durable);
    for (uint32_t c = 0; c < from->change_count; c++) {
      to->changes = grown(to->changes, to->change_count, &to->change_capacity, sizeof(change));
      to->changes[to->change_count++] = change_copy(&from->changes[c]);
    }
  }
  directory_copy(&copy->seen, &disk->seen);
  directory_copy(&copy->durable, &disk->durable);
  for (uint32_t i = 0; i < disk->renaming_count; i++) {
    copy->renamings = grown(copy->renamings, copy->renaming_count, &copy->renaming_capacity, sizeof(renaming));
    copy->renamings[copy->renaming_count++] = renaming_copy(&disk->renamings[i]);
  }
  copy->used = disk->used;
  pthread_mutex_unlock(&disk->mutex);
  return copy;
}

static bool is_renamed(lottery lottery, uint32_t index, uint32_t count) {
  if (lottery.cut == FAULTY_CUT_NOTHING) return false;
  if (lottery.cut == FAULTY_CUT_EVERYTHING) return true;
  // As a file system with a journal does it, or as the strictest reading of POSIX allows.
  if (drawn(lottery.seed, 5, 5) & 1) return index < drawn(lottery.seed, 6, 6) % (count + 1);
  return drawn(lottery.seed, 7, index) & 1;
}

faulty_disk *faulty_disk_after_cut(faulty_disk *disk, faulty_cut cut, uint64_t seed) {
  pthread_mutex_lock(&disk->mutex);
  faulty_disk *after = faulty_disk_make();
  lottery lottery = lottery_of(cut, seed);
  directory_copy(&after->durable, &disk->durable);
  for (uint32_t i = 0; i < disk->renaming_count; i++) {
    if (is_renamed(lottery, i, disk->renaming_count)) directory_apply(&after->durable, &disk->renamings[i]);
  }
  directory_copy(&after->seen, &after->durable);
  for (uint32_t i = 0; i < disk->node_count; i++) {
    const node *from = disk->nodes[i];
    node *to = disk_create_nameless(after);
    if (!is_in(&after->seen, i)) continue;
    content_copy(&to->durable, &from->durable);
    content_survive(&to->durable, from, from->change_count, lottery);
    content_copy(&to->seen, &to->durable);
    after->used += to->seen.size;
  }
  pthread_mutex_unlock(&disk->mutex);
  return after;
}

// What is done to files.

static operation *record(faulty_disk *disk, faulty_call call, uint32_t number) {
  if (!disk->is_recording) {
    disk->operation_count++;
    return NULL;
  }
  if (disk->operation_count == disk->operation_capacity) {
    disk->operation_capacity = disk->operation_capacity ? disk->operation_capacity * 2 : 256;
    disk->operations = realloc(disk->operations, disk->operation_capacity * sizeof(operation));
    if (!disk->operations) abort();
  }
  operation *made = &disk->operations[disk->operation_count++];
  memset(made, 0, sizeof *made);
  made->call = call;
  made->number = number;
  return made;
}

bool disk_fails(faulty_disk *disk, faulty_call call, faulty_failure *failure) {
  disk->calls[call]++;
  disk->delay += disk->delays[call];
  *failure = FAULTY_INPUT_OUTPUT;
  if (disk->has_ended) return true;
  fault *fault = &disk->faults[call];
  if (fault->times == 0) return false;
  if (fault->after > 0) {
    fault->after--;
    return false;
  }
  fault->times--;
  *failure = fault->failure;
  return true;
}

// Takes a change, whose bytes it keeps.
static void take(faulty_disk *disk, node *file, change made) {
  int64_t before = file->seen.size;
  content_apply(&file->seen, &made);
  disk->used += file->seen.size - before;
  file->changes = grown(file->changes, file->change_count, &file->change_capacity, sizeof(change));
  file->changes[file->change_count++] = made;
}

int disk_write(faulty_disk *disk, node *file, int64_t offset, const void *bytes, int64_t length) {
  faulty_failure failure;
  int code = 0;
  if (disk_fails(disk, FAULTY_WRITE, &failure)) {
    if (disk->has_ended || failure == FAULTY_INPUT_OUTPUT) return EIO;
    length = failure == FAULTY_SHORT ? length / 2 : 0;
    code = ENOSPC;
  }
  if (disk->is_read_only) return EROFS;
  int64_t growth = offset + length - file->seen.size;
  if (disk->capacity >= 0 && growth > 0 && disk->used + growth > disk->capacity) {
    int64_t room = disk->capacity - disk->used;
    length -= growth - (room > 0 ? room : 0);
    code = ENOSPC;
  }
  if (length <= 0) return code;
  change made = {offset, length, (uint8_t *)bytes};
  operation *kept = record(disk, FAULTY_WRITE, file->number);
  if (kept) kept->change = change_copy(&made);
  take(disk, file, change_copy(&made));
  return code;
}

int disk_truncate(faulty_disk *disk, node *file, int64_t size) {
  faulty_failure failure;
  if (disk_fails(disk, FAULTY_TRUNCATE, &failure)) return failure == FAULTY_INPUT_OUTPUT ? EIO : ENOSPC;
  if (disk->is_read_only) return EROFS;
  change made = {size, 0, NULL};
  operation *kept = record(disk, FAULTY_TRUNCATE, file->number);
  if (kept) kept->change = made;
  take(disk, file, made);
  return 0;
}

static void settle(node *file, uint32_t count, bool is_lost, uint64_t seed) {
  if (is_lost) {
    content_survive(&file->durable, file, count, lottery_of(FAULTY_CUT_TORN, seed));
  } else {
    for (uint32_t i = 0; i < count; i++) content_apply(&file->durable, &file->changes[i]);
  }
  changes_free(file, count);
}

int disk_sync(faulty_disk *disk, node *file) {
  faulty_failure failure;
  bool is_lost = disk_fails(disk, FAULTY_SYNC, &failure);
  if (disk->has_ended) return EIO;
  if (disk->honesty == FAULTY_IGNORES_SYNCS) return is_lost ? EIO : 0;
  uint32_t count = file->change_count;
  if (disk->honesty == FAULTY_DELAYS_SYNCS) {
    count = file->delayed_count;
    file->delayed_count = file->change_count - count;
  }
  uint64_t seed = is_lost ? mix(++disk->lost_syncs) : 0;
  operation *kept = record(disk, FAULTY_SYNC, file->number);
  if (kept) {
    kept->count = count;
    kept->is_lost = is_lost;
    kept->seed = seed;
  }
  settle(file, count, is_lost, seed);
  return is_lost ? EIO : 0;
}

static void settle_names(faulty_disk *disk, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    directory_apply(&disk->durable, &disk->renamings[i]);
    renaming_free(&disk->renamings[i]);
  }
  memmove(disk->renamings, disk->renamings + count, (disk->renaming_count - count) * sizeof(renaming));
  disk->renaming_count -= count;
}

int disk_sync_folder(faulty_disk *disk) {
  faulty_failure failure;
  if (disk_fails(disk, FAULTY_SYNC_FOLDER, &failure)) return EIO;
  if (disk->honesty == FAULTY_IGNORES_SYNCS) return 0;
  uint32_t count = disk->renaming_count;
  if (disk->honesty == FAULTY_DELAYS_SYNCS) {
    count = disk->delayed_renamings;
    disk->delayed_renamings = disk->renaming_count - count;
  }
  operation *kept = record(disk, FAULTY_SYNC_FOLDER, 0);
  if (kept) kept->count = count;
  settle_names(disk, count);
  return 0;
}

static void rename_as(faulty_disk *disk, faulty_call call, const char *path, const char *new_path, uint32_t number) {
  renaming made = {(char *)path, (char *)new_path, number};
  operation *kept = record(disk, call, number);
  if (kept) kept->renaming = renaming_copy(&made);
  directory_apply(&disk->seen, &made);
  disk->renamings = grown(disk->renamings, disk->renaming_count, &disk->renaming_capacity, sizeof(renaming));
  disk->renamings[disk->renaming_count++] = renaming_copy(&made);
}

node *disk_find(faulty_disk *disk, const char *path) {
  entry *found = directory_find(&disk->seen, path);
  return found ? disk->nodes[found->number] : NULL;
}

node *disk_create(faulty_disk *disk, const char *path) {
  node *file = disk_create_nameless(disk);
  rename_as(disk, FAULTY_OPEN, NULL, path, file->number);
  return file;
}

int disk_remove(faulty_disk *disk, const char *path) {
  faulty_failure failure;
  if (disk_fails(disk, FAULTY_REMOVE, &failure)) return EIO;
  node *file = disk_find(disk, path);
  if (!file) return ENOENT;
  if (disk->is_read_only) return EROFS;
  disk->used -= file->seen.size;
  rename_as(disk, FAULTY_REMOVE, path, NULL, file->number);
  return 0;
}

int32_t faulty_disk_rename(faulty_disk *disk, const char *path, const char *new_path) {
  faulty_failure failure;
  int32_t code = 0;
  pthread_mutex_lock(&disk->mutex);
  node *file = disk_find(disk, path);
  if (disk_fails(disk, FAULTY_RENAME, &failure)) {
    code = EIO;
  } else if (!file) {
    code = ENOENT;
  } else if (disk->is_read_only) {
    code = EROFS;
  } else {
    const node *replaced = disk_find(disk, new_path);
    if (replaced && replaced != file) disk->used -= replaced->seen.size;
    rename_as(disk, FAULTY_RENAME, path, new_path, file->number);
  }
  pthread_mutex_unlock(&disk->mutex);
  return code;
}

// The journal of changes.

void faulty_disk_record(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  disk->is_recording = true;
  disk->operation_count = 0;
  pthread_mutex_unlock(&disk->mutex);
}

uint64_t faulty_disk_operations(faulty_disk *disk) {
  pthread_mutex_lock(&disk->mutex);
  uint64_t count = disk->operation_count;
  pthread_mutex_unlock(&disk->mutex);
  return count;
}

faulty_operation faulty_disk_operation(faulty_disk *disk, uint64_t index, char *path, int32_t size) {
  pthread_mutex_lock(&disk->mutex);
  const operation *done = &disk->operations[index];
  const char *found = done->renaming.path ? done->renaming.path : done->renaming.new_path;
  for (uint32_t i = 0; !found && done->call != FAULTY_SYNC_FOLDER && i < disk->seen.count; i++) {
    if (disk->seen.entries[i].number == done->number) found = disk->seen.entries[i].path;
  }
  snprintf(path, (size_t)size, "%s", found ? found : "");
  faulty_operation told = {done->call, done->change.offset, done->change.length};
  pthread_mutex_unlock(&disk->mutex);
  return told;
}

void faulty_disk_replay(faulty_disk *copy, faulty_disk *disk, uint64_t index) {
  pthread_mutex_lock(&disk->mutex);
  const operation *done = &disk->operations[index];
  while (copy->node_count <= done->number) disk_create_nameless(copy);
  node *file = copy->nodes[done->number];
  switch (done->call) {
    case FAULTY_WRITE:
    case FAULTY_TRUNCATE: take(copy, file, change_copy(&done->change)); break;
    case FAULTY_SYNC: settle(file, done->count, done->is_lost, done->seed); break;
    case FAULTY_SYNC_FOLDER: settle_names(copy, done->count); break;
    default:
      rename_as(copy, done->call, done->renaming.path, done->renaming.new_path, done->number);
  }
  pthread_mutex_unlock(&disk->mutex);
}
