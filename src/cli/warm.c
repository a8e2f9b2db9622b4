/* What a launch will touch is brought in by a few calls instead of by a fault for each page: faults are what starting a
 * small program costs most, above all in a virtual machine (15 us each where this was measured, 0.2 us a page in bulk). */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"

/* Linux 5.14; before, the calls fail and faults do their work. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE        4096UL
#define STACK_BYTES (64 * 1024)  /* the kernel gives 128 KiB at execve (setup_arg_pages, fs/exec.c) */
#define HEAP_BYTES  (136 * 1024) /* malloc(3) takes 132 KiB first */

extern char __executable_start[], __data_start[], edata[];
extern char gate_cli_entry[] __attribute__((weak)); /* entry.S, where the program is linked with it */

static void bring(uintptr_t from, uintptr_t to, int how)
{
	from &= ~(PAGE - 1);
	to = (to + PAGE - 1) & ~(PAGE - 1);
	/* Nothing depends on it. */
	if (from < to)
		(void)madvise((void *)from, to - from, how);
}

void gate_cli_warm(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), heap, top;
	void *first = malloc(1);

	heap = (uintptr_t)first & ~(PAGE - 1);
	free(first);
	if (gate_cli_entry == NULL) { /* else that has done it */
		bring((uintptr_t)__executable_start, (uintptr_t)__data_start & ~(PAGE - 1), MADV_POPULATE_READ);
		bring((uintptr_t)__data_start, (uintptr_t)edata, MADV_POPULATE_WRITE);
	}
	bring(here - STACK_BYTES, here, MADV_POPULATE_WRITE);
	/* What is left of the heap's first piece; nothing where the heap is none of brk(2)'s. */
	top = (uintptr_t)sbrk(0);
	if (heap < top && top - heap <= HEAP_BYTES)
		bring(heap, top, MADV_POPULATE_WRITE);
}
