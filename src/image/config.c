/* The config of an image: what it is for, what it runs, which layers it has. */
#include <stdio.h>

#include "base/num.h"
#include "image/fields.h"
#include "image/manifest.h"

/* Days since 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = y / 400, yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* RFC 3339; fractions and offsets of zones do not matter to anyone here and are left out. 0: no date, or before 1970. */
static uint64_t seconds(const char *text)
{
	static const struct {
		size_t at, len;
		uint64_t max;
	} parts[] = { { 0, 4, 9999 }, { 5, 2, 12 }, { 8, 2, 31 }, { 11, 2, 23 }, { 14, 2, 59 }, { 17, 2, 60 } };
	int64_t v[6];

	if (strlen(text) < 20)
		return 0;
	for (size_t i = 0; i < GATE_ARRAY_LEN(parts); i++) {
		const char *p = text + parts[i].at;
		size_t len = parts[i].len;
		uint64_t n;

		while (len > 1 && *p == '0') {
			p++;
			len--;
		}
		if (gate_u64_parse(p, len, parts[i].max, &n) < 0)
			return 0;
		v[i] = (int64_t)n;
	}
	if (v[0] < 1970 || v[1] < 1 || v[2] < 1)
		return 0;
	return (uint64_t)(days(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5]);
}

static int read_labels(struct gate_arena *arena, const struct gate_doc *config, const char ***ret, struct gate_err *err)
{
	const struct gate_doc *labels;

	if (gate_field(config, "Labels", GATE_DOC_OBJECT, false, &labels, err) < 0)
		return -1;
	size_t n = labels != NULL ? labels->n_items : 0;
	const char **list = GATE_NEWS(arena, const char *, n + 1);

	if (list == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < n; i++) {
		const struct gate_doc *l = &labels->items[i];
		size_t size = (size_t)l->key_len + 1 + l->len + 1;
		char *text = gate_arena_alloc(arena, size);

		if (l->kind != GATE_DOC_STRING)
			return GATE_FAIL_AT(err, l->at, GATE_E_INVALID, "the label '%.64s' is %s", l->key,
			                    gate_doc_kind_name(l->kind));
		if (text == NULL)
			return GATE_FAIL_NOMEM(err);
		(void)snprintf(text, size, "%s=%s", l->key, l->text);
		list[i] = text;
	}
	*ret = list;
	return 0;
}

static int read_run(struct gate_arena *arena, const struct gate_doc *root, struct gate_config *c, struct gate_err *err)
{
	static const struct gate_doc nothing = { .kind = GATE_DOC_OBJECT };
	const struct gate_doc *config;
	size_t n;

	if (gate_field(root, "config", GATE_DOC_OBJECT, false, &config, err) < 0)
		return -1;
	if (config == NULL)
		config = &nothing;
	if (gate_field_text(arena, config, "User", &c->user, err) < 0 ||
	    gate_field_text(arena, config, "WorkingDir", &c->workdir, err) < 0 ||
	    gate_field_text(arena, config, "StopSignal", &c->stop_signal, err) < 0 ||
	    gate_field_texts(arena, config, "Entrypoint", &c->entrypoint, &n, err) < 0 ||
	    gate_field_texts(arena, config, "Cmd", &c->cmd, &n, err) < 0 ||
	    gate_field_texts(arena, config, "Env", &c->env, &n, err) < 0)
		return -1;
	return read_labels(arena, config, &c->labels, err);
}

static int read_layers(struct gate_arena *arena, const struct gate_doc *root, struct gate_config *c,
                       struct gate_err *err)
{
	const struct gate_doc *rootfs;
	const char *type, **diffs;

	if (gate_field(root, "rootfs", GATE_DOC_OBJECT, true, &rootfs, err) < 0 ||
	    gate_field_text(arena, rootfs, "type", &type, err) < 0 ||
	    gate_field_texts(arena, rootfs, "diff_ids", &diffs, &c->n_diffs, err) < 0)
		return -1;
	if (strcmp(type, "layers") != 0)
		return GATE_FAIL_AT(err, rootfs->at, GATE_E_UNSUPPORTED,
		                    "its root file system is of the unknown kind '%.40s'", type);
	if (c->n_diffs > GATE_IMAGE_LAYERS)
		return GATE_FAIL(err, GATE_E_LIMIT, "it has more than %d layers", GATE_IMAGE_LAYERS);
	if (c->n_diffs == 0)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "it has no layers");
	c->diffs = GATE_NEWS(arena, struct gate_digest, c->n_diffs);
	if (c->diffs == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < c->n_diffs; i++)
		if (gate_digest_parse(diffs[i], &c->diffs[i], err) < 0)
			return -1;
	return 0;
}

int gate_config_read(struct gate_arena *arena, const char *text, size_t len, const struct gate_platform *platform,
                     struct gate_config *ret, struct gate_err *err)
{
	const struct gate_doc *root;
	struct gate_config c = { 0 };
	const char *os, *arch, *created;

	if (gate_field_root(arena, text, len, &root, err) < 0 || gate_field_text(arena, root, "os", &os, err) < 0 ||
	    gate_field_text(arena, root, "architecture", &arch, err) < 0 ||
	    gate_field_text(arena, root, "created", &created, err) < 0)
		return -1;
	if (os[0] != '\0' && strcmp(os, "linux") != 0)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "the image is for %.40s, not for linux", os);
	if (platform != NULL && arch[0] != '\0' && strcmp(arch, platform->arch) != 0 &&
	    (platform->also == NULL || strcmp(arch, platform->also) != 0))
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "the image is for linux/%.40s, this host is linux/%s", arch,
		                 platform->arch);
	if (read_run(arena, root, &c, err) < 0 || read_layers(arena, root, &c, err) < 0)
		return -1;
	c.created = seconds(created);
	*ret = c;
	return 0;
}
