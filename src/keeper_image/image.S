/* KEEPER is the path of the file; written again whenever the file is. */
#include "callgate-keeper.h"

#if defined(__ELF__)
	.section .note.GNU-stack, "", %progbits
#endif
	.section .rodata.gate_keeper_image, "a"
	.global gate_keeper_image
	.hidden gate_keeper_image
	.type gate_keeper_image, %object
	.balign 4096
gate_keeper_image:
	.incbin KEEPER
.Lend:
	.size gate_keeper_image, .Lend - gate_keeper_image
	.global gate_keeper_size
	.hidden gate_keeper_size
	.type gate_keeper_size, %object
	.balign 8
gate_keeper_size:
#if __SIZEOF_SIZE_T__ == 8
	.quad .Lend - gate_keeper_image
#else
	.long .Lend - gate_keeper_image
#endif
	.size gate_keeper_size, . - gate_keeper_size
