/*
 * A disk and a clock that fail on demand, preloaded into a server (LD_PRELOAD). Built by faulty-disk.ts.
 *
 * Power loss: what is written to the write-ahead log (any file below a directory "wal") or through stdio (LevelDB's files)
 * stays in this process until it is synced. SIGKILL then loses just what a power cut may lose; a cut may also have written
 * pages that nobody had synced yet, in any order, so each held page goes through at once by chance (CHAOS_EARLY percent).
 *
 * Everything else is steered from outside, through the page that CHAOS_CONTROL names, mapped by both sides.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
  int64_t clock_offset_ns; /* added to the wall clock */
  uint32_t hold;           /* 1: unsynced writes stay here */
  uint32_t fail_sync;      /* 1: syncs of the log fail with EIO and keep what they hold; 2: they fail and lose it */
  uint32_t lie;            /* 1: syncs of the log succeed and write nothing */
};

struct extent {
  off_t offset;
  size_t length;
  struct extent *next;
  char bytes[];
};

struct held {
  int active;
  char *path;
  struct extent *first, *last;
  size_t bytes;
};

#define FILES 4096
#define PAGE 4096
#define HELD_MAX (64u << 20)

static struct held files[FILES];
static FILE *streams[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct control *control;
static struct control none;
static int early_percent;
static uint32_t chance_state;

#define REAL(name, result, ...) \
  static result (*real)(__VA_ARGS__); \
  if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CHAOS_CONTROL"), *early = getenv("CHAOS_EARLY"), *seed = getenv("CHAOS_SEED");
  early_percent = early ? atoi(early) : 0;
  chance_state = (seed ? (uint32_t)strtoul(seed, 0, 10) : 1) * 2654435761u + 1;
  control = &none;
  if (!path) return;
  REAL("open64", int, const char *, int, ...);
  int fd = real(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *page = mmap(0, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page != MAP_FAILED) control = page;
  close(fd);
}

static int chance(int percent) {
  chance_state ^= chance_state << 13;
  chance_state ^= chance_state >> 17;
  chance_state ^= chance_state << 5;
  return (int)(chance_state % 100) < percent;
}

static ssize_t real_pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  REAL("pwrite64", ssize_t, int, const void *, size_t, off_t);
  return real(fd, bytes, length, offset);
}

static int write_through(int fd, const char *bytes, size_t length, off_t offset) {
  while (length > 0) {
    ssize_t done = real_pwrite(fd, bytes, length, offset);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return -1;
    bytes += done; length -= (size_t)done; offset += done;
  }
  return 0;
}

static void drop(struct held *file) {
  while (file->first) {
    struct extent *next = file->first->next;
    free(file->first);
    file->first = next;
  }
  file->last = 0;
  file->bytes = 0;
}

/* In the order of writing. */
static int flush_held(int fd) {
  struct held *file = &files[fd];
  for (struct extent *e = file->first; e; e = e->next)
    if (write_through(fd, e->bytes, e->length, e->offset) < 0) return -1;
  drop(file);
  return 0;
}

static int is_log(const char *path, int flags) {
  return (flags & O_ACCMODE) != O_RDONLY && strstr(path, "/wal/") != 0;
}

static void opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= FILES) return;
  pthread_mutex_lock(&lock);
  /* Whoever opens a file reads what was written to it. */
  for (int i = 0; i < FILES; i++)
    if (files[i].active && strcmp(files[i].path, path) == 0) flush_held(i);
  if (is_log(path, flags)) {
    files[fd].active = 1;
    files[fd].path = strdup(path);
  }
  pthread_mutex_unlock(&lock);
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    REAL(#name, int, const char *, int, ...); \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list a; va_start(a, flags); mode = va_arg(a, mode_t); va_end(a); } \
    int fd = real(path, flags, mode); \
    opened(fd, path, flags); \
    return fd; \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  REAL("close", int, int);
  if (fd >= 0 && fd < FILES && files[fd].active) {
    pthread_mutex_lock(&lock);
    flush_held(fd);
    drop(&files[fd]);
    free(files[fd].path);
    files[fd].path = 0;
    files[fd].active = 0;
    pthread_mutex_unlock(&lock);
  }
  return real(fd);
}

int rename(const char *from, const char *to) {
  REAL("rename", int, const char *, const char *);
  pthread_mutex_lock(&lock);
  int result = real(from, to), error = errno;
  for (int i = 0; result == 0 && i < FILES; i++)
    if (files[i].active && strcmp(files[i].path, from) == 0) {
      free(files[i].path);
      files[i].path = strdup(to);
    }
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

static int hold(int fd, const char *bytes, size_t length, off_t offset) {
  for (size_t at = 0; at < length;) {
    size_t part = PAGE - (size_t)((offset + (off_t)at) % PAGE);
    if (part > length - at) part = length - at;
    if (chance(early_percent) && write_through(fd, bytes + at, part, offset + (off_t)at) < 0) return -1;
    at += part;
  }
  struct extent *e = malloc(sizeof *e + length);
  if (!e) return -1;
  e->offset = offset;
  e->length = length;
  e->next = 0;
  memcpy(e->bytes, bytes, length);
  struct held *file = &files[fd];
  if (file->last) file->last->next = e; else file->first = e;
  file->last = e;
  file->bytes += length;
  return file->bytes > HELD_MAX ? flush_held(fd) : 0;
}

static ssize_t log_write(int fd, const void *bytes, size_t length, off_t offset) {
  pthread_mutex_lock(&lock);
  int result;
  if (control->hold) result = hold(fd, bytes, length, offset);
  else result = flush_held(fd) < 0 ? -1 : write_through(fd, bytes, length, offset);
  pthread_mutex_unlock(&lock);
  return result < 0 ? -1 : (ssize_t)length;
}

#define TRACKED(fd) ((fd) >= 0 && (fd) < FILES && files[fd].active)

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  return TRACKED(fd) ? log_write(fd, bytes, length, offset) : real_pwrite(fd, bytes, length, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  REAL("pwritev", ssize_t, int, const struct iovec *, int, off_t);
  if (!TRACKED(fd)) return real(fd, parts, count, offset);
  ssize_t done = 0;
  for (int i = 0; i < count; i++) {
    if (log_write(fd, parts[i].iov_base, parts[i].iov_len, offset + done) < 0) return -1;
    done += (ssize_t)parts[i].iov_len;
  }
  return done;
}

int ftruncate64(int fd, off_t length) {
  REAL("ftruncate64", int, int, off_t);
  if (TRACKED(fd)) {
    pthread_mutex_lock(&lock);
    flush_held(fd);
    pthread_mutex_unlock(&lock);
  }
  return real(fd, length);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int real_fflush(FILE *stream) {
  REAL("fflush_unlocked", int, FILE *);
  return real(stream);
}

static int sync_file(int fd, int (*real)(int)) {
  if (fd < 0 || fd >= FILES) return real(fd);
  if (control->lie && files[fd].active) return 0;
  if (files[fd].active) {
    pthread_mutex_lock(&lock);
    uint32_t fail = control->fail_sync;
    if (fail == 2) drop(&files[fd]);
    int result = fail ? -1 : flush_held(fd), error = fail ? EIO : errno;
    pthread_mutex_unlock(&lock);
    if (result < 0) { errno = error; return -1; }
  }
  if (streams[fd]) real_fflush(streams[fd]);
  return real(fd);
}

int fdatasync(int fd) {
  REAL("fdatasync", int, int);
  return sync_file(fd, real);
}
int fsync(int fd) {
  REAL("fsync", int, int);
  return sync_file(fd, real);
}

/* LevelDB writes through stdio: a buffer that nothing but a sync or a close empties does for it. */
FILE *fopen64(const char *path, const char *mode) {
  REAL("fopen64", FILE *, const char *, const char *);
  FILE *stream = real(path, mode);
  if (stream && control->hold && strstr(path, "/state-") && strchr("wa", mode[0])) {
    int fd = fileno(stream);
    if (fd < FILES) {
      setvbuf(stream, 0, _IOFBF, HELD_MAX);
      streams[fd] = stream;
    }
  }
  return stream;
}
FILE *fopen(const char *path, const char *mode) { return fopen64(path, mode); }

int fflush_unlocked(FILE *stream) {
  if (stream) {
    int fd = fileno(stream);
    if (fd >= 0 && fd < FILES && streams[fd] == stream) return 0;
  }
  return real_fflush(stream);
}

int fclose(FILE *stream) {
  REAL("fclose", int, FILE *);
  int fd = fileno(stream);
  if (fd >= 0 && fd < FILES && streams[fd] == stream) streams[fd] = 0;
  return real(stream);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  REAL("clock_gettime", int, clockid_t, struct timespec *);
  int result = real(clock, time);
  if (result == 0 && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t ns = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + control->clock_offset_ns;
    time->tv_sec = ns / 1000000000;
    time->tv_nsec = ns % 1000000000;
  }
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  time->tv_sec = precise.tv_sec;
  time->tv_usec = precise.tv_nsec / 1000;
  return 0;
}
