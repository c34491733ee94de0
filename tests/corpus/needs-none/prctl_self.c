// Sets what a process may set about itself by prctl: name, dumpability, no_new_privs, keeping of capabilities.
#include "../corpus.h"
#include <linux/capability.h>
#include <sys/prctl.h>

int main(void) {
    must(prctl(PR_SET_NAME, "corpus"), "PR_SET_NAME");
    must(prctl(PR_SET_NAME, "prctl_self"), "PR_SET_NAME");
    must(prctl(PR_SET_DUMPABLE, 1), "PR_SET_DUMPABLE");
    must(prctl(PR_SET_KEEPCAPS, 1), "PR_SET_KEEPCAPS");
    must(prctl(PR_SET_PDEATHSIG, 0), "PR_SET_PDEATHSIG");
    must(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN), "PR_CAPBSET_READ");
    must(prctl(PR_GET_SECUREBITS), "PR_GET_SECUREBITS");
    must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "PR_CAP_AMBIENT_CLEAR_ALL");
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
}
