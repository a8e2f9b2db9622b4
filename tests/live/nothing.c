/* A program that makes one system call: exit_group(42). Linked without libc, so execve and exit_group are all that a
 * profile needs to allow. */
__attribute__((noreturn)) void _start(void);
void _start(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(231), "D"(42));
#elif defined(__aarch64__)
	register long nr __asm__("x8") = 94, code __asm__("x0") = 42;
	__asm__ volatile("svc 0" : : "r"(nr), "r"(code));
#endif
	__builtin_unreachable();
}
