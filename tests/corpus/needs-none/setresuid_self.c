// Sets its user and group ids to those that it has, before and after an exec, and beside access(2), for which the kernel
// makes the real ids the filesystem ids for a while (Linux before 6.3 asks for cap_setuid before it compares).
#include "../corpus.h"

static void set_what_it_has(void) {
    uid_t users[3];
    gid_t groups[3];
    must(getresuid(&users[0], &users[1], &users[2]), "getresuid");
    must(getresgid(&groups[0], &groups[1], &groups[2]), "getresgid");
    must(setresuid(users[0], users[1], users[2]), "setresuid");
    must(setresgid(groups[0], groups[1], groups[2]), "setresgid");
    must(setresuid(-1, -1, users[2]), "setresuid");
    must(setresgid(-1, -1, groups[2]), "setresgid");
    must(access("/", R_OK), "access");
}

int main(int argc, char **argv) {
    set_what_it_has();
    if (argc == 1) {
        execl("/proc/self/exe", argv[0], "again", (char *)NULL);
        die("execl");
    }
    must(setuid(getuid()), "setuid");
    must(setgid(getgid()), "setgid");
}
