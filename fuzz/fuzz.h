/* fuzz.h - what the targets share. A target aborts when two answers differ; crashes, leaks and hangs are libFuzzer's. */
#ifndef GATE_FUZZ_H
#define GATE_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(x)                                                                                                  \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                  \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
