// Loads a module of eight zero bytes, which the kernel refuses only after it has asked for the capability
// (may_init_module).
// cannot show here: a kernel without loadable modules (CONFIG_MODULES) has no init_module and answers ENOSYS before it asks
#include "../corpus.h"

int main(void) {
    char image[8] = {0};
    syscall(SYS_init_module, image, sizeof image, "");
    if (errno == ENOSYS) cannot_show("this kernel has no modules");
    if (errno != ENOEXEC) die("init_module");
}
