/*
 * The tool that every candidate starts. It exits at once. If it gets a mask, its exit status shows
 * whether it has exactly those capabilities.
 */
#include <linux/capability.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int holds_exactly(uint64_t wanted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct set[2];
	uint64_t effective, inheritable, ambient = 0;

	if (syscall(SYS_capget, &header, set) < 0)
		return 0;
	effective = set[0].effective | (uint64_t)set[1].effective << 32;
	inheritable = set[0].inheritable | (uint64_t)set[1].inheritable << 32;
	for (int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			ambient |= 1ull << cap;
	return effective == wanted && inheritable == wanted && ambient == wanted;
}

int main(int argc, char **argv)
{
	return argc > 1 && !holds_exactly(strtoull(argv[1], NULL, 16));
}
