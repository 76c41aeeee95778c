/* A disk that remembers, and that fails when it is told to. To be preloaded:
 *
 *     cc -shared -fPIC -O1 -o shim.so shim.c
 *     LD_PRELOAD=./shim.so MFAD_DISK_ROOT=/folder MFAD_DISK_FLUSH_US=1000 program
 *
 * It stands between a program and the C library and sees each call that changes or syncs something
 * below MFAD_DISK_ROOT, an absolute path without links; everything else goes through untouched.
 * Calls are numbered from 1. Those that were carried out, and all syncs, are written to
 * MFAD_DISK_LOG. MFAD_DISK_CTL is a file of 4096 octets, shared with whoever directs: `struct ctl`.
 * Without it, syncs take MFAD_DISK_FLUSH_US.
 *
 * One process writes to a log. A descriptor that was made of another one by dup is not seen.
 * The calls are made by number, so nothing here depends on what else is preloaded. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 65536
#define PARTS_MAX 16

/* What both sides read and write. */
struct ctl {
    uint64_t calls;        /* calls so far */
    uint64_t fail_at;      /* the call that goes wrong; 0: none */
    uint64_t error;        /* with this errno */
    uint64_t mode;         /* enum mode */
    uint64_t sync_off;     /* 1: syncs say that they have done it, and have not */
    uint64_t flush_us;     /* instead of a sync, so many microseconds pass */
    uint64_t log_position; /* octets of the log */
    uint64_t syncs;        /* calls so far that were syncs */
    uint64_t unseen;       /* 1: everything goes through, nothing is counted */
};

enum mode {
    FAIL_ONCE = 0, /* that call fails and does nothing */
    FAIL_ON = 1,   /* that call and all later ones do */
    SHORT = 2,     /* that call, if it writes, writes half */
    KILL = 3,      /* the process ends before that call */
    FAIL_SYNC = 4, /* as FAIL_ONCE, counting syncs only */
};

enum kind { CREATE = 1, WRITE = 2, LENGTH = 3, RENAME = 4, REMOVE = 5, SYNC = 6, LINK = 7 };
enum state { DONE = 0, FAILED = 1, NOT_DONE = 2 };

/* What stands before path and data of each record of the log. */
struct head {
    uint64_t call, node, offset;
    uint32_t kind, state, path_octets, data_octets;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ctl own;
static struct ctl *ctl = &own;
static const char *root;
static size_t root_octets;
static int log_fd = -1;
/* The path below the root of each open descriptor that is ours. */
static char *paths[DESCRIPTORS_MAX];

static void start(void)
{
    const char *folder = getenv("MFAD_DISK_ROOT");
    const char *log = getenv("MFAD_DISK_LOG");
    const char *shared = getenv("MFAD_DISK_CTL");
    const char *flush = getenv("MFAD_DISK_FLUSH_US");
    if (!folder)
        return;
    if (flush)
        own.flush_us = strtoull(flush, NULL, 10);
    if (log)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (shared) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CLOEXEC, 0);
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED) {
            perror("MFAD_DISK_CTL");
            abort();
        }
        syscall(SYS_close, fd);
        ctl = page;
    }
    root_octets = strlen(folder);
    root = folder;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_once(&once, start);
}

/* Whether calls are looked at now. */
static int seeing(void)
{
    pthread_once(&once, start);
    return root && !__atomic_load_n(&ctl->unseen, __ATOMIC_SEQ_CST);
}

/* The part of a path below the root, in `room`; NULL if it lies elsewhere. */
static const char *below(int folder, const char *path, char room[PATH_MAX])
{
    char base[PATH_MAX] = "";
    if (!seeing() || !path)
        return NULL;
    if (path[0] != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base))
                return NULL;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t octets = readlink(link, base, sizeof base - 1);
            if (octets < 0)
                return NULL;
            base[octets] = 0;
        }
    }
    if (snprintf(room, PATH_MAX, "%s%s%s", base, base[0] ? "/" : "", path) >= PATH_MAX)
        return NULL;
    if (strncmp(room, root, root_octets) != 0)
        return NULL;
    if (room[root_octets] == 0)
        return room + root_octets;
    return room[root_octets] == '/' ? room + root_octets + 1 : NULL;
}

/* The path of a descriptor that is ours. */
static const char *ours(int fd)
{
    if (fd < 0 || fd >= DESCRIPTORS_MAX || !seeing())
        return NULL;
    return paths[fd];
}

/* Counts a call and says how it goes: 0, else it is to fail (1) or to write half (2). */
static int next_call(int sync)
{
    uint64_t call = __atomic_add_fetch(&ctl->calls, 1, __ATOMIC_SEQ_CST);
    uint64_t syncs = __atomic_add_fetch(&ctl->syncs, sync ? 1 : 0, __ATOMIC_SEQ_CST);
    uint64_t at = __atomic_load_n(&ctl->fail_at, __ATOMIC_SEQ_CST);
    if (at == 0)
        return 0;
    errno = (int)ctl->error;
    switch (ctl->mode) {
    case FAIL_ONCE:
        return call == at;
    case FAIL_ON:
        return call >= at;
    case SHORT:
        return call == at ? 2 : 0;
    case KILL:
        if (call == at) {
            kill(getpid(), SIGKILL);
            for (;;)
                pause();
        }
        return 0;
    case FAIL_SYNC:
        return sync && syncs == at;
    default:
        return 0;
    }
}

static uint64_t node_of(int fd)
{
    struct stat found;
    return fstat(fd, &found) == 0 ? (uint64_t)found.st_ino : 0;
}

/* Appends a record; `parts` is the data, of which `octets` count. */
static void record(enum kind kind, enum state state, uint64_t node, uint64_t offset,
                   const char *path, const struct iovec *parts, int count, size_t octets)
{
    if (log_fd < 0)
        return;
    struct head head = {ctl->calls, node, offset, kind, state, (uint32_t)strlen(path),
                        (uint32_t)octets};
    struct iovec all[PARTS_MAX + 2] = {{&head, sizeof head}, {(void *)path, head.path_octets}};
    size_t left = octets;
    int n = 2;
    for (int i = 0; i < count && i < PARTS_MAX && left > 0; i++, n++) {
        all[n] = parts[i];
        if (all[n].iov_len > left)
            all[n].iov_len = left;
        left -= all[n].iov_len;
    }
    size_t length = sizeof head + head.path_octets + octets;
    if (left > 0 || syscall(SYS_writev, log_fd, all, n) != (ssize_t)length) {
        static const char sorry[] = "the log of the disk cannot be written\n";
        syscall(SYS_write, 2, sorry, sizeof sorry - 1);
        abort();
    }
    __atomic_add_fetch(&ctl->log_position, length, __ATOMIC_SEQ_CST);
}

/* -- files ------------------------------------------------------------------------------------ */

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    char room[PATH_MAX];
    const char *name = below(folder, path, room);
    if (!name)
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    struct stat found;
    pthread_mutex_lock(&lock);
    int there = stat(room, &found) == 0;
    int makes = (flags & O_CREAT) && !there;
    int empties = (flags & O_TRUNC) && there;
    int fd = -1;
    if ((makes || empties) && next_call(0) == 1)
        goto out;
    fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd < 0)
        goto out;
    if (fd >= DESCRIPTORS_MAX)
        abort();
    free(paths[fd]);
    paths[fd] = strdup(name);
    if (makes)
        record(CREATE, DONE, node_of(fd), 0, name, NULL, 0, 0);
    if (empties)
        record(LENGTH, DONE, node_of(fd), 0, name, NULL, 0, 0);
out:
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE_OF(flags)                                                                             \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode = va_arg(list, mode_t);                                                               \
        va_end(list);                                                                              \
    }

int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_at(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return open_at(folder, path, flags | O_LARGEFILE, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode)
{
    return creat(path, mode);
}

int close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS_MAX && paths[fd]) {
        pthread_mutex_lock(&lock);
        free(paths[fd]);
        paths[fd] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_close, fd);
}

/* -- writes ----------------------------------------------------------------------------------- */

static ssize_t pwrite_raw(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (offset < 0)
        return syscall(SYS_writev, fd, parts, count);
    /* The kernel takes the offset in two halves; on 64-bit machines the second one is not used. */
    return syscall(SYS_pwritev, fd, parts, count, offset, 0L);
}

/* Writes at `offset`, or where the descriptor stands if that is negative. */
static ssize_t write_at(int fd, const struct iovec *parts, int count, off_t offset)
{
    const char *name = ours(fd);
    if (!name)
        return pwrite_raw(fd, parts, count, offset);
    struct iovec half;
    pthread_mutex_lock(&lock);
    ssize_t written = -1;
    int how = next_call(0);
    if (how == 1)
        goto out;
    if (how == 2 && count > 0) {
        half = parts[0];
        half.iov_len = (half.iov_len + 1) / 2;
        parts = &half;
        count = 1;
    }
    off_t at = offset;
    if (at < 0) {
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        at = (off_t)lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    }
    written = pwrite_raw(fd, parts, count, offset);
    if (written > 0)
        record(WRITE, DONE, node_of(fd), (uint64_t)at, name, parts, count, (size_t)written);
out:
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *data, size_t octets)
{
    struct iovec part = {(void *)data, octets};
    return ours(fd) ? write_at(fd, &part, 1, -1) : syscall(SYS_write, fd, data, octets);
}

ssize_t pwrite64(int fd, const void *data, size_t octets, off64_t offset)
{
    struct iovec part = {(void *)data, octets};
    return ours(fd) ? write_at(fd, &part, 1, offset)
                    : syscall(SYS_pwrite64, fd, data, octets, offset);
}

ssize_t pwrite(int fd, const void *data, size_t octets, off_t offset)
{
    return pwrite64(fd, data, octets, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return write_at(fd, parts, count, -1);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    return write_at(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    return write_at(fd, parts, count, offset);
}

/* Callers fall back to reading and writing, which is seen. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t octets,
                        unsigned flags)
{
    if (ours(to)) {
        errno = EXDEV;
        return -1;
    }
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, octets, flags);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t octets)
{
    if (ours(to)) {
        errno = ENOSYS;
        return -1;
    }
    return syscall(SYS_sendfile, to, from, offset, octets);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t octets)
{
    return sendfile64(to, from, offset, octets);
}

static int set_length(int fd, off_t length, int only_longer)
{
    const char *name = ours(fd);
    struct stat found;
    pthread_mutex_lock(&lock);
    int done = -1;
    if (next_call(0) == 1)
        goto out;
    if (only_longer && fstat(fd, &found) == 0 && found.st_size >= length) {
        done = 0;
        goto out;
    }
    done = (int)syscall(SYS_ftruncate, fd, length);
    if (done == 0)
        record(LENGTH, DONE, node_of(fd), (uint64_t)length, name, NULL, 0, 0);
out:
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int fd, off64_t length)
{
    return ours(fd) ? set_length(fd, length, 0) : (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate(int fd, off_t length)
{
    return ftruncate64(fd, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t octets)
{
    if (!ours(fd))
        return (int)syscall(SYS_fallocate, fd, mode, offset, octets);
    if (mode != 0) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return set_length(fd, offset + octets, 1);
}

int fallocate(int fd, int mode, off_t offset, off_t octets)
{
    return fallocate64(fd, mode, offset, octets);
}

int posix_fallocate64(int fd, off64_t offset, off64_t octets)
{
    return fallocate64(fd, 0, offset, octets) == 0 ? 0 : errno;
}

int posix_fallocate(int fd, off_t offset, off_t octets)
{
    return posix_fallocate64(fd, offset, octets);
}

/* -- names ------------------------------------------------------------------------------------ */

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    char from_room[PATH_MAX], to_room[PATH_MAX];
    const char *from_name = below(from_folder, from, from_room);
    const char *to_name = below(to_folder, to, to_room);
    if (!from_name || !to_name)
        return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    pthread_mutex_lock(&lock);
    int done = -1;
    if (next_call(0) != 1) {
        done = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
        if (done == 0) {
            struct iovec name = {(void *)to_name, strlen(to_name)};
            record(RENAME, DONE, 0, 0, from_name, &name, 1, name.iov_len);
        }
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    char from_room[PATH_MAX], to_room[PATH_MAX];
    const char *from_name = below(from_folder, from, from_room);
    const char *to_name = below(to_folder, to, to_room);
    if (!from_name || !to_name)
        return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    pthread_mutex_lock(&lock);
    int done = -1;
    if (next_call(0) != 1) {
        done = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
        if (done == 0) {
            struct iovec name = {(void *)to_name, strlen(to_name)};
            record(LINK, DONE, 0, 0, from_name, &name, 1, name.iov_len);
        }
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    char room[PATH_MAX];
    const char *name = below(folder, path, room);
    if (!name || (flags & AT_REMOVEDIR))
        return (int)syscall(SYS_unlinkat, folder, path, flags);
    pthread_mutex_lock(&lock);
    int done = -1;
    if (next_call(0) != 1) {
        done = (int)syscall(SYS_unlinkat, folder, path, flags);
        if (done == 0)
            record(REMOVE, DONE, 0, 0, name, NULL, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

/* A new folder is there for good: none of what is tested makes one while it runs. */
int mkdirat(int folder, const char *path, mode_t mode)
{
    char room[PATH_MAX];
    int done = -1;
    const char *name = below(folder, path, room);
    pthread_mutex_lock(&lock);
    if (!name || next_call(0) != 1)
        done = (int)syscall(SYS_mkdirat, folder, path, mode);
    pthread_mutex_unlock(&lock);
    return done;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* -- syncs ------------------------------------------------------------------------------------ */

static int sync_file(int fd, const char *name, int number)
{
    pthread_mutex_lock(&lock);
    int how = next_call(1);
    uint64_t flush_us = ctl->flush_us;
    int off = ctl->sync_off != 0;
    enum state state = how == 1 ? FAILED : off ? NOT_DONE : DONE;
    record(SYNC, state, node_of(fd), 0, name, NULL, 0, 0);
    pthread_mutex_unlock(&lock);
    /* Others may write meanwhile: what they write comes after the sync in the log. */
    if (how == 1) {
        errno = (int)ctl->error;
        return -1;
    }
    if (flush_us > 0) {
        struct timespec rest = {(time_t)(flush_us / 1000000), (long)(flush_us % 1000000) * 1000};
        while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
            ;
        return 0;
    }
    return off ? 0 : (int)syscall(number, fd);
}

int fsync(int fd)
{
    const char *name = ours(fd);
    return name ? sync_file(fd, name, SYS_fsync) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    const char *name = ours(fd);
    return name ? sync_file(fd, name, SYS_fdatasync) : (int)syscall(SYS_fdatasync, fd);
}

/* Promises nothing about what is durable, so it does nothing. */
int sync_file_range(int fd, off64_t offset, off64_t octets, unsigned flags)
{
    return ours(fd) ? 0 : (int)syscall(SYS_sync_file_range, fd, offset, octets, flags);
}
