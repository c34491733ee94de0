// Becomes the user that it is, in every way (setuid asks for cap_setuid before it compares).
#include "../corpus.h"
#include <sys/fsuid.h>

int main(void) {
    uid_t uid = getuid();
    must(setuid(uid), "setuid");
    must(seteuid(uid), "seteuid");
    must(setreuid(uid, uid), "setreuid");
    must(setresuid(uid, uid, uid), "setresuid");
    must(setresuid(-1, -1, -1), "setresuid");
    setfsuid(uid);
}
