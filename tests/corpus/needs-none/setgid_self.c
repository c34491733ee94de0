// Becomes the group that it is, in every way (setgid asks for cap_setgid before it compares).
#include "../corpus.h"
#include <sys/fsuid.h>

int main(void) {
    gid_t gid = getgid();
    must(setgid(gid), "setgid");
    must(setegid(gid), "setegid");
    must(setregid(gid, gid), "setregid");
    must(setresgid(gid, gid, gid), "setresgid");
    setfsgid(gid);
}
