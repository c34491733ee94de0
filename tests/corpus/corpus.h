// The functions that the programs of the corpus share. Each program is one file, takes no arguments and leaves nothing
// behind. Its exit status is 0 if it worked, 1 if it did not, and 77 if this system cannot show it.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static inline _Noreturn void die(const char *what) {
    perror(what);
    exit(1);
}

static inline _Noreturn void cannot_show(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(77);
}

// Returns the result of a call, or ends the program if the call failed.
static inline long must(long result, const char *what) {
    if (result == -1) die(what);
    return result;
}

// Returns the number in a file of the kernel, or `missing`.
static inline long number_in(const char *path, long missing) {
    FILE *file = fopen(path, "r");
    long number = missing;
    if (file && fscanf(file, "%ld", &number) != 1) number = missing;
    if (file) fclose(file);
    return number;
}

// Whether the running kernel is older than that release.
static inline int kernel_before(int major, int minor) {
    struct utsname own;
    int its_major = 0, its_minor = 0;
    must(uname(&own), "uname");
    sscanf(own.release, "%d.%d", &its_major, &its_minor);
    return its_major != major ? its_major < major : its_minor < minor;
}

static inline void write_to(const char *path, const char *text) {
    int fd = must(open(path, O_WRONLY), path);
    must(write(fd, text, strlen(text)), path);
    close(fd);
}

// Waits for a child, which must succeed. If it exits with 77, so does the program.
static inline void wait_for(pid_t child) {
    int status;
    must(waitpid(child, &status, 0), "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) exit(77);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "a child ended with status %#x\n", status);
        exit(1);
    }
}

// A directory of the program and an empty file in it. Both are removed when the program ends.
static char temp_dir[3000], temp_path[3010];
static pid_t temp_owner;

static inline void temp_remove(void) {
    if (getpid() != temp_owner) return;
    unlink(temp_path);
    rmdir(temp_dir);
}

static inline int temp_file(void) {
    const char *below = getenv("TMPDIR");
    snprintf(temp_dir, sizeof temp_dir, "%s/corpus-XXXXXX", below && *below ? below : "/tmp");
    if (!mkdtemp(temp_dir)) die(temp_dir);
    temp_owner = getpid();
    atexit(temp_remove);
    snprintf(temp_path, sizeof temp_path, "%s/file", temp_dir);
    return must(open(temp_path, O_RDWR | O_CREAT | O_EXCL, 0600), temp_path);
}
