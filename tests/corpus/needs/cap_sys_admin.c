// Gives the machine the name that it has (sys_sethostname).
#include "../corpus.h"

int main(void) {
    char name[65];
    must(gethostname(name, sizeof name), "gethostname");
    must(sethostname(name, strlen(name)), "sethostname");
}
