/* What a client asks, checked before anything is done: exactly the fields that the request has, and nothing else. */
#include <errno.h>
#include <string.h>

#include "keeper/keeper.h"

#define SIGNAL_MAX 64

static const struct {
	uint32_t len; /* at most */
	uint64_t a_min, a_max, b_max;
} requests[] = {
	[GATE_FRAME_STATUS - GATE_FRAME_STATUS] = { 0, 0, 0, 0 },
	[GATE_FRAME_ATTACH - GATE_FRAME_STATUS] = { 0, 1, 1, 0 },
	[GATE_FRAME_WAIT - GATE_FRAME_STATUS] = { 0, 0, 0, 0 },
	[GATE_FRAME_INPUT - GATE_FRAME_STATUS] = { GATE_FRAME_BYTES_MAX, 0, 0, 0 },
	[GATE_FRAME_INPUT_END - GATE_FRAME_STATUS] = { 0, 0, 0, 0 },
	[GATE_FRAME_RESIZE - GATE_FRAME_STATUS] = { 0, 0, UINT32_MAX, 0 },
	[GATE_FRAME_SIGNAL - GATE_FRAME_STATUS] = { 0, 1, SIGNAL_MAX, 1 },
	[GATE_FRAME_STOP - GATE_FRAME_STATUS] = { 0, 0, SIGNAL_MAX, UINT64_MAX },
	[GATE_FRAME_LISTENER - GATE_FRAME_STATUS] = { 0, 0, 0, 0 },
};

int gate_request_check(const void *bytes, size_t n, struct gate_frame *ret)
{
	struct gate_frame f;

	memset(ret, 0, sizeof(*ret));
	if (n < sizeof(f))
		return EPROTO;
	memcpy(&f, bytes, sizeof(f));
	if (f.type < GATE_FRAME_STATUS || f.type - GATE_FRAME_STATUS >= sizeof(requests) / sizeof(requests[0]))
		return EPROTO;
	uint32_t i = f.type - GATE_FRAME_STATUS;
	if (f.len != n - sizeof(f) || f.len > requests[i].len)
		return EPROTO;
	ret->type = f.type;
	if (f.a < requests[i].a_min || f.a > requests[i].a_max || f.b > requests[i].b_max)
		return EINVAL;
	if (f.type == GATE_FRAME_INPUT && f.len == 0)
		return EINVAL;
	*ret = f;
	return 0;
}
