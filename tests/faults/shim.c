/* Faults of system calls, put to one process: the calls of libc on files below one directory are counted, and one of
 * them (or all from one on) is refused, cut short, or preceded by a kill. Loaded before libc; idle until armed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COUNT, KILL, REFUSE, SHORT };
enum { LONGEST = 4096, HANDLES = 4096 };

static char root[LONGEST];
static size_t root_length;
static int kind, code, persistent, log_handle = -1;
static long at;
static atomic_long seen;
static atomic_char ours[HANDLES];

void faults_arm(const char *directory, int what, long number, int error, int stays, int log)
{
    root_length = strlen(directory);
    memcpy(root, directory, root_length + 1);
    kind = what, at = number, code = error, persistent = stays, log_handle = log;
}

static int below(int from, const char *path)
{
    if (!root_length || !path)
        return 0;
    if (path[0] != '/' && from != AT_FDCWD)
        return from >= 0 && from < HANDLES && ours[from];
    return !strncmp(path, root, root_length) && (!path[root_length] || path[root_length] == '/');
}

static int holds(int handle) { return root_length && handle >= 0 && handle < HANDLES && ours[handle]; }

/* A raw call, which this library does not meet again. */
static void told(const char *call, long number, const char *path, int handle)
{
    char target[LONGEST] = "", link[64], line[2 * LONGEST];
    if (!path) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
        long length = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = 0;
        path = target;
    }
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    syscall(SYS_write, log_handle, line, length);
}

/* Count a call; 1 where it is to fail. Short writes are counted among writes alone. */
static int struck(const char *call, int is_write, const char *path, int handle)
{
    if (kind == SHORT && !is_write)
        return 0;
    long number = atomic_fetch_add(&seen, 1) + 1;
    int hit = kind != COUNT && (number == at || (persistent && number > at));
    if (log_handle >= 0 && (kind == COUNT || number == at))
        told(call, number, path, handle);
    if (!hit)
        return 0;
    if (kind == KILL) {
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;)
            pause();
    }
    errno = code;
    return 1;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int marked(int handle, int is_ours)
{
    if (handle >= 0 && handle < HANDLES)
        ours[handle] = is_ours;
    return handle;
}

#define OPENS(name, params, from, ...) \
    int name params \
    { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        int is_ours = below(from, path); \
        if (is_ours && struck("openat", 0, path, -1)) \
            return -1; \
        return marked(real(__VA_ARGS__, flags, mode), is_ours); \
    }
OPENS(open, (const char *path, int flags, ...), AT_FDCWD, path)
OPENS(open64, (const char *path, int flags, ...), AT_FDCWD, path)
OPENS(openat, (int from, const char *path, int flags, ...), from, from, path)
OPENS(openat64, (int from, const char *path, int flags, ...), from, from, path)

#define ON_HANDLE(type, name, call, params, ...) \
    type name params \
    { \
        REAL(name); \
        if (holds(handle) && struck(call, 0, NULL, handle)) \
            return -1; \
        return real(__VA_ARGS__); \
    }
ON_HANDLE(ssize_t, read, "read", (int handle, void *data, size_t size), handle, data, size)
ON_HANDLE(ssize_t, pread64, "pread64", (int handle, void *data, size_t size, off64_t to), handle, data, size, to)
ON_HANDLE(int, fsync, "fsync", (int handle), handle)
ON_HANDLE(int, fdatasync, "fdatasync", (int handle), handle)
ON_HANDLE(int, ftruncate64, "ftruncate", (int handle, off64_t size), handle, size)
ON_HANDLE(int, flock, "flock", (int handle, int operation), handle, operation)
ON_HANDLE(off64_t, lseek64, "lseek", (int handle, off64_t to, int whence), handle, to, whence)
ON_HANDLE(int, fstat64, "newfstatat", (int handle, struct stat64 *found), handle, found)

#define WRITES(name, params, ...) \
    ssize_t name params \
    { \
        REAL(name); \
        if (holds(handle) && struck(#name, 1, NULL, handle)) { \
            if (kind != SHORT) \
                return -1; \
            size = size > 1 ? size / 2 : size; \
        } \
        return real(__VA_ARGS__); \
    }
WRITES(write, (int handle, const void *data, size_t size), handle, data, size)
WRITES(pwrite64, (int handle, const void *data, size_t size, off64_t to), handle, data, size, to)

int isatty(int handle)
{
    REAL(isatty);
    if (holds(handle) && struck("ioctl", 0, NULL, handle))
        return 0;
    return real(handle);
}

int close(int handle)
{
    REAL(close);
    int is_ours = holds(handle), hit = is_ours && struck("close", 0, NULL, handle), error = errno;
    marked(handle, 0);
    int closed = real(handle);
    if (hit)
        errno = error;
    return hit ? -1 : closed;
}

#define ON_PATH(type, failed, name, call, params, from, first, ...) \
    type name params \
    { \
        REAL(name); \
        if (below(from, first) && struck(call, 0, first, -1)) \
            return failed; \
        return real(__VA_ARGS__); \
    }
ON_PATH(int, -1, rename, "rename", (const char *old, const char *new), AT_FDCWD, new, old, new)
ON_PATH(int, -1, renameat, "rename", (int a, const char *old, int b, const char *new), b, new, a, old, b, new)
ON_PATH(int, -1, link, "link", (const char *old, const char *new), AT_FDCWD, new, old, new)
ON_PATH(int, -1, linkat, "link", (int a, const char *old, int b, const char *new, int flags), b, new, a, old, b, new, flags)
ON_PATH(int, -1, unlink, "unlink", (const char *path), AT_FDCWD, path, path)
ON_PATH(int, -1, unlinkat, "unlink", (int from, const char *path, int flags), from, path, from, path, flags)
ON_PATH(int, -1, rmdir, "rmdir", (const char *path), AT_FDCWD, path, path)
ON_PATH(int, -1, mkdir, "mkdir", (const char *path, mode_t mode), AT_FDCWD, path, path, mode)
ON_PATH(int, -1, access, "access", (const char *path, int mode), AT_FDCWD, path, path, mode)
ON_PATH(int, -1, truncate64, "truncate", (const char *path, off64_t size), AT_FDCWD, path, path, size)
ON_PATH(int, -1, stat64, "newfstatat", (const char *path, struct stat64 *found), AT_FDCWD, path, path, found)
ON_PATH(int, -1, lstat64, "newfstatat", (const char *path, struct stat64 *found), AT_FDCWD, path, path, found)
ON_PATH(int, -1, fstatat64, "newfstatat", (int from, const char *path, struct stat64 *found, int flags), from, path, from, path,
        found, flags)

/* A directory's handle is opened, read and closed within libc: each is a point of its own here too. */
DIR *opendir(const char *path)
{
    REAL(opendir);
    int is_ours = below(AT_FDCWD, path);
    if (is_ours && struck("openat", 0, path, -1))
        return NULL;
    DIR *opened = real(path);
    if (opened)
        marked(dirfd(opened), is_ours);
    return opened;
}

struct dirent64 *readdir64(DIR *directory)
{
    REAL(readdir64);
    if (holds(dirfd(directory)) && struck("getdents64", 0, NULL, dirfd(directory)))
        return NULL;
    return real(directory);
}

int closedir(DIR *directory)
{
    REAL(closedir);
    int handle = dirfd(directory), hit = holds(handle) && struck("close", 0, NULL, handle), error = errno;
    marked(handle, 0);
    int closed = real(directory);
    if (hit)
        errno = error;
    return hit ? -1 : closed;
}
