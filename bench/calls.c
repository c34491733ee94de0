/* Prints the least nanoseconds that a call takes, of ROUNDS rounds of 100,000 calls each: calls getppid|ioctl|read ROUNDS */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLS 100000

static double now(void)
{
	struct timespec time;

	if (clock_gettime(CLOCK_MONOTONIC, &time) < 0)
		err(1, "clock_gettime");
	return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv)
{
	double least = 1e18;
	char byte;
	int zero;

	if (argc != 3)
		errx(2, "calls getppid|ioctl|read ROUNDS");
	if ((zero = open("/dev/zero", O_RDONLY)) < 0)
		err(1, "/dev/zero");
	for (int round = atoi(argv[2]); round > 0; round--) {
		double start = now(), took;

		for (int call = 0; call < CALLS; call++) {
			if (!strcmp(argv[1], "getppid"))
				syscall(SYS_getppid);
			else if (!strcmp(argv[1], "ioctl"))
				ioctl(zero, 0x5401, &byte);
			else if (read(zero, &byte, 1) != 1)
				err(1, "read");
		}
		took = (now() - start) / CALLS;
		if (took < least)
			least = took;
	}
	printf("%.0f\n", least);
	return 0;
}
