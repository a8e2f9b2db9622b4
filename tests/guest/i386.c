/* i386 NR [ARG...]: makes one call of x86 and ends with its errno, or 0. Freestanding, so that no 32-bit C library is
 * needed to build it. Numbers are decimal. */
#if !defined(__i386__)
#error "for -m32"
#endif

static long call(long nr, const long *a)
{
	long ret;

	/* All six registers are taken, so the block loads them itself; ebp last. */
	__asm__ volatile("push %%ebp\n"
	                 "mov 4(%%esi), %%ecx\n"
	                 "mov 8(%%esi), %%edx\n"
	                 "mov 16(%%esi), %%edi\n"
	                 "mov 20(%%esi), %%ebp\n"
	                 "mov (%%esi), %%ebx\n"
	                 "mov 12(%%esi), %%esi\n"
	                 "int $0x80\n"
	                 "pop %%ebp\n"
	                 : "=a"(ret), "+S"(a)
	                 : "a"(nr)
	                 : "ebx", "ecx", "edx", "edi", "memory");
	return ret;
}

static long number(const char *s)
{
	unsigned long n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (unsigned long)(*s - '0');
	return (long)n;
}

__attribute__((noreturn, used)) static void begin(long argc, char **argv)
{
	long args[6] = { 0 }, end[6] = { 0 };
	long ret = 0;

	for (long i = 2; i < argc && i < 8; i++)
		args[i - 2] = number(argv[i]);
	if (argc > 1)
		ret = call(number(argv[1]), args);
	end[0] = ret < 0 ? -ret : 0;
	for (;;)
		(void)call(1, end); /* exit */
}

__asm__(".globl _start\n"
        "_start:\n"
        "	xor %ebp, %ebp\n"
        "	mov %esp, %eax\n"
        "	lea 4(%eax), %edx\n"
        "	mov (%eax), %eax\n"
        "	and $-16, %esp\n"
        "	sub $8, %esp\n"
        "	push %edx\n"
        "	push %eax\n"
        "	call begin\n");
