// Asks for the place of a file's first block on the disk (ioctl_fibmap); a file system without blocks says EINVAL after it.
#include "../corpus.h"
#include <linux/fs.h>
#include <sys/ioctl.h>

int main(void) {
    int block = 0;
    if (ioctl(temp_file(), FIBMAP, &block) == -1 && errno != EINVAL) die("FIBMAP");
}
