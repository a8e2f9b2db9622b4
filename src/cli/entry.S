/* Where the static program begins: before the C library's first instruction, what its start and ours will touch is brought
 * in by four calls. Page by page that is some forty faults (15 us each on the virtual machine where it was measured).
 * Nothing depends on it: before Linux 5.14 madvise(2) refuses both words, and faults do the work. */
#define POPULATE_READ  22
#define POPULATE_WRITE 23
#define PAGE           4096
/* Of the data, the tables' last two pages, which the start writes to, and what follows; of the zeroed part the end, where the
 * C library's lies; and 32 KiB of the 132 that the kernel gives as stack. */
#define WRITTEN 0x2000
#define ZEROED  0x8000
#define STACK   0x8000

	.globl gate_cli_entry
	.type gate_cli_entry, @function
	.macro bring_in from, to, how
	mov	\from, %rdi
	and	$-PAGE, %rdi
	mov	\to, %rsi
	sub	%rdi, %rsi
	mov	$\how, %edx
	mov	$28, %eax /* madvise */
	syscall
	.endm

	.text
gate_cli_entry:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	mov	%rdx, %r12 /* what the kernel gave, for _start */
	bring_in $__executable_start, $(__data_start-WRITTEN), POPULATE_READ
	bring_in $(__data_start-WRITTEN), $edata, POPULATE_WRITE
	bring_in $(end-ZEROED), $end, POPULATE_WRITE
	lea	-STACK(%rsp), %r13
	bring_in %r13, %rsp, POPULATE_WRITE
	mov	%r12, %rdx
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	jmp	_start
	.cfi_endproc
	.size gate_cli_entry, . - gate_cli_entry
	.section .note.GNU-stack, "", %progbits
