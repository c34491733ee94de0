// Sets the mode of another user's file to what it is (setattr_prepare).
#include "../corpus.h"

int main(void) {
    struct stat st;
    must(stat("/etc/passwd", &st), "stat");
    must(chmod("/etc/passwd", st.st_mode & 07777), "chmod");
}
