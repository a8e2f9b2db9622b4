/* Which layers of images tasks stand on: by their config.json. */
#include <sys/stat.h>

#include "container/container.h"
#include "doc/doc.h"

/* The same directory, whatever way leads there: names tell at once which ones are not. */
static bool same(const char *a, const char *b)
{
	struct stat sa, sb;
	const char *na = strrchr(a, '/'), *nb = strrchr(b, '/');

	if (strcmp(na != NULL ? na + 1 : a, nb != NULL ? nb + 1 : b) != 0)
		return false;
	return strcmp(a, b) == 0 ||
	       (stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino);
}

static int uses(struct gate_store *s, const char *id, const char *layer, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	GATE_AUTOFREE char *text = NULL;
	const struct gate_doc *doc, *list;
	size_t len = 0;

	if (gate_store_config(s, id, &text, &len, err) < 0 || gate_doc_read(&arena, text, len, &doc, err) < 0)
		return -1;
	list = gate_doc_member(doc, "image");
	if (list != NULL && list->kind == GATE_DOC_OBJECT)
		list = gate_doc_member(list, "layers");
	for (uint32_t i = 0; list != NULL && list->kind == GATE_DOC_ARRAY && i < list->n_items; i++)
		if (list->items[i].kind == GATE_DOC_STRING && same(list->items[i].text, layer))
			return 1;
	return 0;
}

int gate_container_uses(struct gate_store *s, const char *layer, struct gate_err *err)
{
	GATE_AUTOFREE struct gate_entry *tasks = NULL;
	size_t n = 0;
	int ret = gate_store_list(s, &tasks, &n, err);

	for (size_t i = 0; ret == 0 && i < n; i++) {
		struct gate_err why = GATE_ERR_INIT;

		/* What has ended is not started again. */
		if (tasks[i].state == GATE_TASK_ENDED)
			continue;
		ret = uses(s, tasks[i].id, layer, &why);
		/* Gone since, or not that far: who makes one now waits for the images' lock. */
		if (ret < 0 && why.code == GATE_E_NOTFOUND)
			ret = 0;
		else if (ret < 0)
			ret = GATE_FAIL(err, why.code, "what task '%.12s' uses cannot be told: %s", tasks[i].id,
			                why.text);
	}
	return ret;
}
