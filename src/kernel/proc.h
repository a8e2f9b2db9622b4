/* proc.h - small files of /proc and /sys, read whole. No allocation, thread-safe. */
#ifndef GATE_KERNEL_PROC_H
#define GATE_KERNEL_PROC_H

#include <sys/types.h>

#include "base/base.h"

/* Reads at most size - 1 bytes and ends them with a NUL; trailing newlines are removed. Returns the length, or -1
 * with errno. */
ssize_t gate_proc_read(const char *path, char *text, size_t size);
/* The same for a file that holds one number (decimal, hex with 0x, or a leading minus). */
int gate_proc_number(const char *path, long long *ret);
/* The number after "NAME:" at the start of a line of /proc/N/status. */
bool gate_proc_field(const char *text, const char *name, int base, uint64_t *ret);
/* Is the caller in the first user namespace? 1 or 0; -1 with errno where that cannot be known. */
int gate_proc_first_userns(void);
/* The parent of a process, or -1 when it is gone. */
pid_t gate_proc_parent(pid_t pid);

#endif
