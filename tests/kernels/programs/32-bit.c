// A program for i386 that opens one of root's files. Before that it calls mprotect(2), whose number is that of capget(2) for
// x86-64, with a value where that one has its second argument. It has no C library, so that no package for i386 is needed.

#define MPROTECT 125
#define OPEN 5
#define EXIT 1

static long call(long number, long first, long second, long third)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(first), "c"(second), "d"(third), "S"(1)
                     : "memory");
    return result;
}

void _start(void)
{
    call(MPROTECT, 0, 0, 0);
    call(EXIT, call(OPEN, (long)"/secret", 0, 0) < 0, 0, 0);
    __builtin_unreachable();
}
