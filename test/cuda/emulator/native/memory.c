/*
 * Device memory is host memory in pages of its own: poisoned when fresh (0xff: NaN, -1), closed in
 * front, behind and after it is freed, so that kernels and copies that leave it end in error 700.
 */
#include "emulator.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define GRANULE ((u64)2 << 20)
#define POISON 0xff

enum region_kind { REGION_DEVICE, REGION_PINNED, REGION_REGISTERED, REGION_MAPPED };
struct region {
  u64 start, bytes;
  enum region_kind kind;
  char *map;
  u64 map_bytes;
};
static struct region *regions;
static int region_count, region_room;

static void add_region(u64 start, u64 bytes, enum region_kind kind, char *map, u64 map_bytes) {
  if (region_count == region_room) {
    region_room = region_room ? region_room * 2 : 256;
    regions = realloc(regions, region_room * sizeof *regions);
  }
  struct region region = {start, bytes, kind, map, map_bytes};
  regions[region_count++] = region;
}
static int find_region(u64 address, u64 bytes) {
  for (int i = region_count - 1; i >= 0; i--)
    if (address >= regions[i].start && address + bytes <= regions[i].start + regions[i].bytes) return i;
  return -1;
}
static int find_start(u64 address, enum region_kind kind) {
  for (int i = region_count - 1; i >= 0; i--)
    if (regions[i].start == address && regions[i].kind == kind) return i;
  return -1;
}
static void drop_region(int index) { regions[index] = regions[--region_count]; }

static int covered(u64 address, u64 bytes) {
  /* Mapped chunks of one reservation lie side by side. */
  while (bytes > 0) {
    int i = find_region(address, 1);
    if (i < 0) return 0;
    if (regions[i].kind != REGION_DEVICE && regions[i].kind != REGION_MAPPED) return 0;
    u64 rest = regions[i].start + regions[i].bytes - address;
    if (rest >= bytes) return 1;
    address += rest;
    bytes -= rest;
  }
  return 1;
}
int emu_is_device(u64 address, u64 bytes) { return bytes == 0 || covered(address, bytes); }
int emu_is_pinned(u64 address, u64 bytes) {
  int i = find_region(address, bytes);
  return i >= 0 && (regions[i].kind == REGION_PINNED || regions[i].kind == REGION_REGISTERED);
}

/* Places bytes so that the last ends within 255 of a closed page. */
static int allocate(u64 *address, u64 bytes, enum region_kind kind) {
  u64 rounded = (bytes + 255) / 256 * 256, pages = (rounded + PAGE - 1) / PAGE * PAGE;
  char *map = mmap(NULL, pages + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return CU_OUT_OF_MEMORY;
  if (mprotect(map + PAGE, pages, PROT_READ | PROT_WRITE) != 0) return CU_OUT_OF_MEMORY;
  memset(map + PAGE, POISON, pages);
  *address = (u64)(uintptr_t)(map + PAGE + pages - rounded);
  add_region(*address, bytes, kind, map, pages + 2 * PAGE);
  return CU_OK;
}

static void release(int index) {
  struct region *region = &regions[index];
  char *end = (char *)(uintptr_t)(region->start + region->bytes);
  char *limit = region->map + region->map_bytes - PAGE;
  for (char *at = end; at < limit; at++) {
    if ((unsigned char)*at == POISON) continue;
    emu_problem("a buffer of %llu bytes: written %d bytes past its end", (unsigned long long)region->bytes,
                (int)(at - end) + 1);
    break;
  }
  munmap(region->map, region->map_bytes);
  drop_region(index);
}

/* A new machine has nothing in its memory. */
void emu_reset_memory(void) {
  while (region_count > 0) {
    struct region *last = &regions[region_count - 1];
    if (last->kind == REGION_DEVICE || last->kind == REGION_PINNED) munmap(last->map, last->map_bytes);
    if (last->kind == REGION_MAPPED)
      mmap((void *)(uintptr_t)last->start, last->bytes, PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    region_count--;
  }
  emu.used = 0;
}

static int is_device(const struct region *region) {
  return region->kind == REGION_DEVICE || region->kind == REGION_MAPPED;
}
u64 emu_device_bytes(void) {
  u64 sum = 0;
  for (int i = 0; i < region_count; i++) sum += is_device(&regions[i]) ? regions[i].bytes : 0;
  return sum;
}
void emu_save_device(char *to) {
  for (int i = 0; i < region_count; i++) {
    if (!is_device(&regions[i])) continue;
    memcpy(to, (char *)(uintptr_t)regions[i].start, regions[i].bytes);
    to += regions[i].bytes;
  }
}
void emu_restore_device(const char *from) {
  for (int i = 0; i < region_count; i++) {
    if (!is_device(&regions[i])) continue;
    memcpy((char *)(uintptr_t)regions[i].start, from, regions[i].bytes);
    from += regions[i].bytes;
  }
}
/* Address of the first byte that is not as in the copy, or 0. */
u64 emu_differs(const char *from) {
  for (int i = 0; i < region_count; i++) {
    if (!is_device(&regions[i])) continue;
    const char *now = (char *)(uintptr_t)regions[i].start;
    if (memcmp(now, from, regions[i].bytes) != 0) {
      u64 at = 0;
      while (now[at] == from[at]) at++;
      return regions[i].start + at;
    }
    from += regions[i].bytes;
  }
  return 0;
}

int cuMemAlloc_v2(u64 *address, size_t bytes) {
  int error = emu_context_error();
  if (error) return error;
  if (bytes == 0) return CU_INVALID_VALUE;
  if (emu.used + bytes > emu.capacity) return CU_OUT_OF_MEMORY;
  error = allocate(address, bytes, REGION_DEVICE);
  if (error) return error;
  emu.used += bytes;
  emu.allocations++;
  return CU_OK;
}
void emu_free_device(u64 address) {
  int index = find_start(address, REGION_DEVICE);
  if (index < 0) {
    emu_problem("free of %#llx, which is no live device allocation", (unsigned long long)address);
    return;
  }
  emu.used -= regions[index].bytes;
  release(index);
}
int cuMemFree_v2(u64 address) {
  int error = emu_context_error();
  if (error) return error;
  if (address == 0) return CU_OK;
  error = emu_flush_all();
  if (error) return error;
  if (find_start(address, REGION_DEVICE) < 0) return CU_INVALID_VALUE;
  emu_free_device(address);
  return CU_OK;
}
int cuMemAllocAsync(u64 *address, size_t bytes, u64 stream) {
  if (emu_is_capturing(stream)) return CU_CAPTURE_UNSUPPORTED;
  return cuMemAlloc_v2(address, bytes);
}
static int run_free(struct emu_op *op) {
  emu_free_device(*(u64 *)op->data);
  return CU_OK;
}
int cuMemFreeAsync(u64 address, u64 stream) {
  int error = emu_context_error();
  if (error) return error;
  if (address == 0) return CU_OK;
  if (emu_is_capturing(stream)) return CU_CAPTURE_UNSUPPORTED;
  if (find_start(address, REGION_DEVICE) < 0) return CU_INVALID_VALUE;
  return emu_enqueue(stream, OP_FREE, run_free, &address, sizeof address);
}

int cuMemGetInfo_v2(u64 *available, u64 *total) {
  int error = emu_context_error();
  if (error) return error;
  *available = emu.capacity - emu.used;
  *total = emu.capacity;
  return CU_OK;
}

static u64 threshold;
int cuDeviceGetDefaultMemPool(u64 *pool, int device) {
  *pool = 0x10000 + (u64)device;
  return CU_OK;
}
int cuMemPoolSetAttribute(u64 pool, int attribute, void *value) {
  (void)pool;
  if (attribute == 4) threshold = *(u64 *)value;
  return CU_OK;
}
int cuMemPoolGetAttribute(u64 pool, int attribute, void *value) {
  (void)pool;
  *(u64 *)value = attribute == 4 ? threshold : emu.used;
  return CU_OK;
}
int cuMemPoolTrimTo(u64 pool, size_t bytes) {
  (void)pool;
  (void)bytes;
  return CU_OK;
}
int cuDeviceGraphMemTrim(int device) {
  (void)device;
  return CU_OK;
}

/* ---- virtual memory: a reservation is closed pages, a handle is a file in memory */
int cuMemGetAllocationGranularity(u64 *bytes, void *properties, int flag) {
  (void)properties;
  (void)flag;
  *bytes = GRANULE;
  return CU_OK;
}
int cuMemAddressReserve(u64 *address, size_t bytes, size_t alignment, u64 hint, u64 flags) {
  (void)alignment;
  (void)hint;
  int error = emu_context_error();
  if (error) return error;
  if (bytes == 0 || bytes % GRANULE != 0 || flags != 0) return CU_INVALID_VALUE;
  char *map = mmap(NULL, bytes + GRANULE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return CU_OUT_OF_MEMORY;
  *address = ((u64)(uintptr_t)map + GRANULE - 1) / GRANULE * GRANULE;
  return CU_OK;
}
int cuMemAddressFree(u64 address, size_t bytes) {
  int error = emu_context_error();
  if (error) return error;
  if (emu_is_device(address, 1)) return CU_INVALID_VALUE;
  munmap((void *)(uintptr_t)address, bytes);
  return CU_OK;
}
struct chunk {
  int file, references;
  u64 bytes;
};
int cuMemCreate(u64 *handle, size_t bytes, void *properties, u64 flags) {
  int error = emu_context_error();
  if (error) return error;
  /* { type = pinned 1, handle types, location { type = device 1, id } } */
  int32_t *words = properties;
  if (bytes == 0 || bytes % GRANULE != 0 || flags != 0 || words[0] != 1 || words[2] != 1)
    return CU_INVALID_VALUE;
  if (emu.used + bytes > emu.capacity) return CU_OUT_OF_MEMORY;
  struct chunk *chunk = calloc(1, sizeof *chunk);
  FILE *file = tmpfile();
  if (file == NULL) return CU_OUT_OF_MEMORY;
  chunk->file = dup(fileno(file));
  fclose(file);
  if (ftruncate(chunk->file, bytes) != 0) return CU_OUT_OF_MEMORY;
  void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, chunk->file, 0);
  if (map == MAP_FAILED) return CU_OUT_OF_MEMORY;
  memset(map, POISON, bytes);
  munmap(map, bytes);
  chunk->references = 1;
  chunk->bytes = bytes;
  emu.used += bytes;
  *handle = (u64)(uintptr_t)chunk;
  return CU_OK;
}
static void drop_chunk(struct chunk *chunk) {
  if (--chunk->references > 0) return;
  close(chunk->file);
  emu.used -= chunk->bytes;
  free(chunk);
}
int cuMemMap(u64 address, size_t bytes, size_t offset, u64 handle, u64 flags) {
  int error = emu_context_error();
  if (error) return error;
  struct chunk *chunk = (struct chunk *)(uintptr_t)handle;
  if (offset != 0 || flags != 0 || bytes != chunk->bytes || address % GRANULE != 0) return CU_INVALID_VALUE;
  void *at = (void *)(uintptr_t)address;
  if (mmap(at, bytes, PROT_NONE, MAP_SHARED | MAP_FIXED, chunk->file, 0) == MAP_FAILED)
    return CU_INVALID_VALUE;
  chunk->references++;
  add_region(address, bytes, REGION_MAPPED, (char *)chunk, bytes);
  return CU_OK;
}
int cuMemSetAccess(u64 address, size_t bytes, void *descriptors, size_t count) {
  int error = emu_context_error();
  if (error) return error;
  /* { location { type = device 1, id }, flags = read and write 3 } */
  int32_t *words = descriptors;
  if (count != 1 || words[0] != 1 || words[2] != 3) return CU_INVALID_VALUE;
  if (!emu_is_device(address, bytes)) return CU_INVALID_VALUE;
  return mprotect((void *)(uintptr_t)address, bytes, PROT_READ | PROT_WRITE) == 0 ? CU_OK : CU_INVALID_VALUE;
}
int cuMemUnmap(u64 address, size_t bytes) {
  int error = emu_context_error();
  if (error) return error;
  error = emu_flush_all();
  if (error) return error;
  while (bytes > 0) {
    int index = find_start(address, REGION_MAPPED);
    if (index < 0 || regions[index].bytes > bytes) return CU_INVALID_VALUE;
    struct region region = regions[index];
    drop_region(index);
    mmap((void *)(uintptr_t)address, region.bytes, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    drop_chunk((struct chunk *)region.map);
    address += region.bytes;
    bytes -= region.bytes;
  }
  return CU_OK;
}
int cuMemRelease(u64 handle) {
  int error = emu_context_error();
  if (error) return error;
  drop_chunk((struct chunk *)(uintptr_t)handle);
  return CU_OK;
}

/* ---- pinned host memory */
int cuMemHostAlloc(u64 *address, size_t bytes, u32 flags) {
  (void)flags;
  int error = emu_context_error();
  if (error) return error;
  return bytes == 0 ? CU_INVALID_VALUE : allocate(address, bytes, REGION_PINNED);
}
int cuMemFreeHost(u64 address) {
  int error = emu_context_error();
  if (error) return error;
  error = emu_flush_all();
  if (error) return error;
  int index = find_start(address, REGION_PINNED);
  if (index < 0) return CU_INVALID_VALUE;
  release(index);
  return CU_OK;
}
int cuMemHostRegister_v2(void *address, size_t bytes, u32 flags) {
  (void)flags;
  int error = emu_context_error();
  if (error) return error;
  add_region((u64)(uintptr_t)address, bytes, REGION_REGISTERED, NULL, 0);
  return CU_OK;
}
int cuMemHostUnregister(void *address) {
  int error = emu_flush_all();
  if (error) return error;
  int index = find_start((u64)(uintptr_t)address, REGION_REGISTERED);
  if (index < 0) return CU_INVALID_VALUE;
  drop_region(index);
  return CU_OK;
}
int cuMemHostGetDevicePointer_v2(u64 *device, void *host, u32 flags) {
  (void)flags;
  *device = (u64)(uintptr_t)host;
  return emu_is_pinned(*device, 1) ? CU_OK : CU_INVALID_VALUE;
}
