/* --replace: the task that has the name now makes room. */
#include <unistd.h>

#include "cli/run.h"
#include "container/container.h"

/* Its own stop signal and grace time, then its end. A keeper that is gone by now has ended too. */
static int stop(struct gate_store *s, const char *id, struct gate_err *err)
{
	_Alignas(8) char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;
	int fd = -1, passed = -1;

	if (gate_container_connect(s, id, &fd, err) < 0)
		return -1;
	if (gate_frame_send(fd, GATE_FRAME_WAIT, 0, 0, NULL, 0) == 0 &&
	    gate_frame_send(fd, GATE_FRAME_STOP, 0, UINT64_MAX, NULL, 0) == 0)
		while (gate_frame_receive(fd, &head, bytes, sizeof(bytes), &passed) > 0) {
			if (passed >= 0)
				(void)close(passed);
			if (head.type == GATE_FRAME_ENDED || head.type == GATE_FRAME_REFUSED)
				break;
		}
	(void)close(fd);
	return 0;
}

int gate_run_replace(struct gate_store *s, const char *name, struct gate_err *err)
{
	struct gate_err why = GATE_ERR_INIT;
	struct gate_entry old;

	if (gate_store_find(s, name, &old, &why) < 0 || strcmp(old.name, name) != 0) {
		if (why.code == GATE_OK || why.code == GATE_E_NOTFOUND)
			return 0;
		*err = why;
		return -1;
	}
	if (old.state == GATE_TASK_RUNNING && stop(s, old.id, &why) < 0 && why.code != GATE_E_NOTFOUND) {
		*err = why;
		return -1;
	}
	why = (struct gate_err)GATE_ERR_INIT;
	/* With --rm its keeper has removed it. */
	if (gate_store_remove(s, old.id, &why) == 0 || why.code == GATE_E_NOTFOUND)
		return 0;
	*err = why;
	return GATE_NOTE(err, "replacing '%s'", name);
}
