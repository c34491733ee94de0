// Asks for the position of a file's first block on the disk (ioctl_fibmap). A file system without blocks answers
// EINVAL, but only after the check.
#include "../corpus.h"
#include <linux/fs.h>
#include <sys/ioctl.h>

int main(void) {
    int block = 0;
    if (ioctl(temp_file(), FIBMAP, &block) == 0) return 0;
    if (errno != EINVAL) die("FIBMAP");
    // Before "fibmap: Use bmap instead of ->bmap method in ioctl_fibmap" the kernel checked the file system first.
    if (kernel_before(5, 7)) cannot_show("the file system has no blocks, and this kernel checks that first");
}
