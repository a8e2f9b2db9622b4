/* image.h - callgate-keeper as bytes within our own program: there is no path to it that anybody could swap. */
#ifndef GATE_KEEPER_IMAGE_IMAGE_H
#define GATE_KEEPER_IMAGE_IMAGE_H

#include <stddef.h>

extern const unsigned char gate_keeper_image[]; /* an ELF file; page-aligned */
extern const size_t gate_keeper_size;

#endif
