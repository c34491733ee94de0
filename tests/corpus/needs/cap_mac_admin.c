// Loads something into AppArmor that is no profile. AppArmor asks for the capability before it refuses it
// (policy_ns_capable). AppArmor also wants user 0 or group 0 (aa_policy_view_capable).
// run with group: 0
// cannot show here: asked for by AppArmor, SELinux, Smack, SafeSetID and IPE, none of which this kernel was started with
#include "../corpus.h"

int main(void) {
    static const char profile[64] = "no profile";
    int fd = open("/sys/kernel/security/apparmor/.replace", O_WRONLY);
    if (fd == -1 && errno == ENOENT) cannot_show("no AppArmor here");
    must(fd, ".replace");
    if (write(fd, profile, sizeof profile) == -1 && (errno == EACCES || errno == EPERM)) die("write");
}
