/* A definition from JSON, and to JSON. */
#include <time.h>

#include "base/num.h"
#include "spec/marathon_parts.h"

/* --- small things --- */

bool gate_app_path(const char *text, char ret[GATE_APP_ID_MAX + 2])
{
	size_t n = 0;

	for (const char *s = text; *s != '\0';) {
		size_t len = strcspn(s, "/");

		if (len > 0) {
			if (n + 1 + len > GATE_APP_ID_MAX)
				return false;
			ret[n++] = '/';
			memcpy(ret + n, s, len);
			n += len;
		}
		s += len;
		s += *s == '/';
	}
	if (n == 0)
		ret[n++] = '/';
	ret[n] = '\0';
	return true;
}

void gate_app_time(int64_t ms, char text[32])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	struct gate_buf b = GATE_BUF_INIT;

	(void)gmtime_r(&s, &tm);
	gate_buf_printf(&b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	                tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
	if (b.failed || b.len >= 32)
		text[0] = '\0';
	else
		memcpy(text, b.data, b.len + 1);
	gate_buf_done(&b);
}

static bool digits(const char **s, size_t n, uint64_t most, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		*ret = *ret * 10 + (uint64_t)(**s - '0');
	}
	return *ret <= most;
}

/* "2016-07-15T13:02:59.735Z"; the fraction may have one to three digits or be missing. */
bool gate_app_time_parse(const char *text, int64_t *ms)
{
	static const char marks[] = "--T::";
	static const uint64_t most[] = { 9999, 12, 31, 23, 59, 60 };
	uint64_t at[6], fraction = 0, unit = 100;
	struct tm tm = { 0 };

	for (size_t i = 0; i < 6; i++) {
		if (!digits(&text, i == 0 ? 4 : 2, most[i], &at[i]) || (i < 5 && *text++ != marks[i]))
			return false;
	}
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9' && unit > 0; text++, unit /= 10)
			fraction += (uint64_t)(*text - '0') * unit;
	}
	if (strcmp(text, "Z") != 0 && strcmp(text, "+00:00") != 0 && strcmp(text, "+0000") != 0)
		return false;
	tm.tm_year = (int)at[0] - 1900;
	tm.tm_mon = (int)at[1] - 1;
	tm.tm_mday = (int)at[2];
	tm.tm_hour = (int)at[3];
	tm.tm_min = (int)at[4];
	tm.tm_sec = (int)at[5];
	*ms = (int64_t)timegm(&tm) * 1000 + (int64_t)fraction;
	return *ms >= 0;
}

void gate_app_free(struct gate_app *app)
{
	struct gate_arena arena;

	if (app == NULL)
		return;
	arena = app->arena; /* the struct lives in its own arena */
	gate_arena_done(&arena);
}

static struct gate_app *make(void)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_app *app = GATE_NEW(&arena, struct gate_app);

	if (app == NULL)
		gate_arena_done(&arena);
	return app == NULL ? NULL : (app->arena = arena, app);
}

/* --- what is derived --- */

static void say(struct gate_app *app, const char *field)
{
	app->said |= gate_schema_bit(&gate_app_schema, field);
}

static int list_of_one(struct gate_app *app, struct gate_objects *list, size_t size, void **ret)
{
	list->at = gate_arena_array(&app->arena, 1, size);
	list->n = list->at == NULL ? 0 : 1;
	*ret = list->at;
	return list->at == NULL ? -1 : 0;
}

/* The deprecated "ports" are portDefinitions; with neither, there is one port of the host's choice. */
static int settle_ports(struct gate_app *app, struct gate_faults *f)
{
	bool said = gate_app_said(app, "portDefinitions"), old = gate_app_said(app, "ports");
	struct gate_app_port *at;
	size_t n = old ? app->old_ports.n : 1;

	if (said && old) {
		bool same = app->ports.n == app->old_ports.n;

		for (size_t i = 0; same && i < app->ports.n; i++)
			same = gate_app_ports(app)[i].port == app->old_ports.at[i];
		if (!same)
			gate_fault(f, "/", "cannot specify both ports and port definitions");
	}
	for (size_t i = 0; old && i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (app->old_ports.at[i] != 0 && app->old_ports.at[i] == app->old_ports.at[k]) {
				gate_fault(f, "/", "ports must be unique");
				i = n - 1;
				break;
			}
	app->said &= ~gate_schema_bit(&gate_app_schema, "ports");
	if (!said) {
		at = GATE_NEWS(&app->arena, struct gate_app_port, n);
		if (at == NULL)
			return -1;
		for (size_t i = 0; i < n; i++)
			at[i] = (struct gate_app_port){ .said = 1 | 1 << 3,
				                        .port = old ? app->old_ports.at[i] : 0,
				                        .protocol = 1 };
		app->ports = (struct gate_objects){ at, n };
		say(app, "portDefinitions");
	}
	app->old_ports = (struct gate_ints){ NULL, 0 };
	return 0;
}

/* With no network said it is the host's. A docker network of the host says the same. */
static int settle_networks(struct gate_app *app, struct gate_faults *f)
{
	struct gate_app_docker *docker = app->container != NULL ? app->container->docker : NULL;
	void *one;

	if (docker != NULL && docker->network != 0) {
		if (app->networks.n > 0)
			gate_fault(f, "/", "must not specify both container.docker.network and networks");
		if (docker->network != 2)
			gate_fault(f, "/container/docker/network", "only HOST: container networks are not built here");
		docker->network = 0;
		docker->said &= ~(UINT64_C(1) << 3);
	}
	if (app->networks.n > 0)
		return 0;
	if (list_of_one(app, &app->networks, sizeof(struct gate_app_network), &one) < 0)
		return -1;
	*(struct gate_app_network *)one = (struct gate_app_network){ .said = 1 << 1, .mode = 3 };
	say(app, "networks");
	return 0;
}

static void settle_health(struct gate_app *app)
{
	struct gate_app_health *h = app->health.at;

	for (size_t i = 0; i < app->health.n; i++) {
		h[i].has_port = (h[i].said & 1 << 8) != 0;
		h[i].has_index = (h[i].said & 1 << 9) != 0;
		if (h[i].protocol == GATE_CHECK_COMMAND || h[i].has_port || h[i].has_index || app->ports.n == 0)
			continue;
		h[i].has_index = true; /* as Marathon: the first port */
		h[i].said |= 1 << 9;
	}
}

static int settle_readiness(struct gate_app *app)
{
	struct gate_app_readiness *r = app->readiness.at;

	for (size_t i = 0; i < app->readiness.n; i++) {
		if (r[i].codes.n > 0)
			continue;
		r[i].codes.at = GATE_NEWS(&app->arena, int64_t, 1);
		if (r[i].codes.at == NULL)
			return -1;
		r[i].codes.at[0] = 200;
		r[i].codes.n = 1;
	}
	return 0;
}

static int settle_upgrade(struct gate_app *app)
{
	if (app->upgrade != NULL)
		return 0;
	app->upgrade = GATE_NEW(&app->arena, struct gate_app_upgrade);
	if (app->upgrade == NULL)
		return -1;
	*app->upgrade = (struct gate_app_upgrade){ 3, 1, 1 };
	/* Marathon's for apps of which there may be only one at a time. */
	for (size_t i = 0; i < app->labels.n; i++)
		if (strcmp(app->labels.at[i].key, "MARATHON_SINGLE_INSTANCE_APP") == 0 &&
		    strcmp(app->labels.at[i].value, "true") == 0)
			*app->upgrade = (struct gate_app_upgrade){ 3, 0, 0 };
	say(app, "upgradeStrategy");
	return 0;
}

static int settle_unreachable(struct gate_app *app, struct gate_faults *f)
{
	static const char path[] = "/unreachableStrategy";
	const struct gate_doc *d = app->unreachable_said;

	if (d == NULL)
		return 0;
	if (d->kind == GATE_DOC_STRING && strcmp(d->text, "disabled") == 0) {
		app->unreachable_disabled = true;
		return 0;
	}
	if (gate_schema_read(&gate_app_unreachable_schema, d, path, true, &app->arena, &app->unreachable, f) < 0)
		return -1;
	if (app->unreachable.inactive_s > app->unreachable.expunge_s)
		gate_fault(f, "/unreachableStrategy/inactiveAfterSeconds",
		           "inactiveAfterSeconds (%lld) must be less or equal to expungeAfterSeconds, which is %lld",
		           (long long)app->unreachable.inactive_s, (long long)app->unreachable.expunge_s);
	return 0;
}

static void settle_limit(const struct gate_doc *d, const char *path, double request, struct gate_app_limit *ret,
                         struct gate_faults *f)
{
	if (d == NULL || d->kind == GATE_DOC_NULL)
		return;
	ret->said = true;
	if (d->kind == GATE_DOC_STRING) {
		ret->unlimited = strcmp(d->text, "unlimited") == 0;
		if (!ret->unlimited)
			gate_fault(f, path, "'%s' is an invalid resource limit. It must be 'unlimited' or a number",
			           d->text);
		return;
	}
	ret->value = d->kind == GATE_DOC_NUMBER ? strtod(d->text, NULL) : -1;
	if (d->kind != GATE_DOC_NUMBER || ret->value > 1e12) {
		f->malformed = true;
		gate_fault(f, path, "error.expected.jsnumber");
	} else if (ret->value < request) {
		gate_fault(f, path, "resource limit must be greater than or equal to requested resource (%g)", request);
	}
}

static void settle_limits(struct gate_app *app, struct gate_faults *f)
{
	const struct gate_doc *d = app->limits_said;

	if (d == NULL)
		return;
	if (d->kind != GATE_DOC_OBJECT) {
		f->malformed = true;
		gate_fault(f, "/resourceLimits", "error.expected.jsobject");
		return;
	}
	settle_limit(gate_doc_member(d, "cpus"), "/resourceLimits/cpus", app->cpus, &app->limit_cpus, f);
	settle_limit(gate_doc_member(d, "mem"), "/resourceLimits/mem", app->mem, &app->limit_mem, f);
	for (uint32_t i = 0; i < d->n_items; i++)
		if (strcmp(d->items[i].key, "cpus") != 0 && strcmp(d->items[i].key, "mem") != 0)
			gate_fault(f, "/resourceLimits", "unknown field '%s'", d->items[i].key);
}

static int settle(struct gate_app *app, struct gate_faults *f)
{
	app->has_grace = gate_app_said(app, "taskKillGracePeriodSeconds");
	settle_limits(app, f);
	if (settle_networks(app, f) < 0 || settle_ports(app, f) < 0 || settle_readiness(app) < 0 ||
	    settle_upgrade(app) < 0 || settle_unreachable(app, f) < 0)
		return -1;
	settle_health(app);
	return 0;
}

/* --- reading --- */

static int canonical_id(struct gate_app *app, const char *id, struct gate_faults *f)
{
	char path[GATE_APP_ID_MAX + 2];

	if (id != NULL)
		app->id = id;
	if (app->id == NULL)
		return 0; /* its absence was found */
	if (!gate_app_path(app->id, path)) {
		gate_fault(f, "/id", "must be at most %d characters", GATE_APP_ID_MAX);
		return 0;
	}
	app->id = gate_arena_text(&app->arena, path, strlen(path));
	say(app, "id");
	return app->id == NULL ? -1 : 0;
}

/* The members of `a` that `b` does not have, then those of `b`. */
static int join(struct gate_arena *arena, const struct gate_doc *a, const struct gate_doc *b, struct gate_doc *ret)
{
	ret->items = GATE_NEWS(arena, struct gate_doc, (size_t)a->n_items + b->n_items);
	if (ret->items == NULL)
		return -1;
	ret->kind = GATE_DOC_OBJECT;
	ret->n_items = 0;
	for (uint32_t i = 0; i < a->n_items; i++) {
		const struct gate_doc *over = gate_doc_member(b, a->items[i].key);

		/* null is "not said" */
		if (over == NULL || over->kind == GATE_DOC_NULL)
			ret->items[ret->n_items++] = a->items[i];
	}
	for (uint32_t i = 0; i < b->n_items; i++)
		if (b->items[i].kind != GATE_DOC_NULL || gate_doc_member(a, b->items[i].key) == NULL)
			ret->items[ret->n_items++] = b->items[i];
	return 0;
}

static int read_app(const struct gate_doc *body, const char *id, struct gate_faults *f, struct gate_app **ret,
                    struct gate_err *err)
{
	GATE_AUTO(gate_app_freep) struct gate_app *app = make();
	struct gate_doc with_id, member = { .kind = GATE_DOC_STRING, .key = "id", .key_len = 2 };
	struct gate_doc one = { .kind = GATE_DOC_OBJECT, .n_items = 1, .items = &member };

	if (app == NULL)
		return GATE_FAIL_NOMEM(err);
	if (id != NULL && body->kind == GATE_DOC_OBJECT) {
		member.text = id;
		member.len = (uint32_t)strlen(id);
		if (join(&app->arena, body, &one, &with_id) < 0)
			return GATE_FAIL_NOMEM(err);
		body = &with_id;
	}
	if (gate_schema_read(&gate_app_schema, body, "", true, &app->arena, app, f) < 0)
		return GATE_FAIL_NOMEM(err);
	if (!f->malformed && (canonical_id(app, id, f) < 0 || settle(app, f) < 0))
		return GATE_FAIL_NOMEM(err);
	*ret = GATE_TAKE(&app);
	return 0;
}

int gate_app_read(const struct gate_doc *body, const char *id, const struct gate_app_host *host, struct gate_faults *f,
                  struct gate_app **ret, struct gate_err *err)
{
	GATE_AUTO(gate_app_freep) struct gate_app *app = NULL;

	if (read_app(body, id, f, &app, err) < 0)
		return -1;
	if (!f->malformed) {
		gate_app_judge(app, host, f);
		gate_app_judge_cluster(app, host, f);
	}
	if (f->n > 0 || f->failed)
		return gate_faults_fail(f, err);
	/* From here on nothing points into the document. */
	app->check = app->ip_address = app->limits_said = app->secrets = app->unreachable_said = NULL;
	app->version_said = NULL;
	app->said &= ~gate_schema_bit(&gate_app_schema, "version");
	*ret = GATE_TAKE(&app);
	return 0;
}

int gate_app_patch(const struct gate_app *old, const struct gate_doc *body, const struct gate_app_host *host,
                   struct gate_faults *f, struct gate_app **ret, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	const struct gate_doc *was = NULL;
	struct gate_doc both, less = { .kind = GATE_DOC_OBJECT };
	struct gate_json j;

	if (body->kind != GATE_DOC_OBJECT)
		return gate_app_read(body, old->id, host, f, ret, err);
	gate_json_init(&j, &text, 0);
	gate_json_object(&j);
	gate_app_write(old, &j);
	gate_json_end(&j, '}');
	if (text.failed)
		return GATE_FAIL_NOMEM(err);
	if (gate_doc_read(&arena, text.data, text.len, &was, err) < 0)
		return GATE_NOTE(err, "reading the stored definition of '%s'", old->id);
	/* Two names for one thing: the newer word counts. */
	less.items = GATE_NEWS(&arena, struct gate_doc, was->n_items);
	if (less.items == NULL)
		return GATE_FAIL_NOMEM(err);
	for (uint32_t i = 0; i < was->n_items; i++)
		if (!(strcmp(was->items[i].key, "portDefinitions") == 0 && gate_doc_member(body, "ports") != NULL))
			less.items[less.n_items++] = was->items[i];
	if (join(&arena, &less, body, &both) < 0)
		return GATE_FAIL_NOMEM(err);
	if (gate_app_read(&both, old->id, host, f, ret, err) < 0)
		return -1;
	(*ret)->version_ms = old->version_ms;
	(*ret)->scaled_ms = old->scaled_ms;
	(*ret)->config_ms = old->config_ms;
	return 0;
}

const char *gate_app_only_version(const struct gate_doc *body, struct gate_faults *f)
{
	const struct gate_doc *v = body->kind == GATE_DOC_OBJECT ? gate_doc_member(body, "version") : NULL;

	if (v == NULL || v->kind != GATE_DOC_STRING)
		return NULL;
	for (uint32_t i = 0; i < body->n_items; i++) {
		const char *key = body->items[i].key;

		if (strcmp(key, "version") != 0 && strcmp(key, "id") != 0) {
			gate_fault(f, "/", "The 'version' field may only be combined with the 'id' field.");
			return NULL;
		}
	}
	return v->text;
}

static int64_t stored_time(const struct gate_doc *object, const char *key, int64_t otherwise)
{
	const struct gate_doc *d = object == NULL ? NULL : gate_doc_member(object, key);
	int64_t ms;

	return d != NULL && d->kind == GATE_DOC_STRING && gate_app_time_parse(d->text, &ms) ? ms : otherwise;
}

/* What was accepted once stays accepted: a stored definition is not judged again, or a stricter version of this program could
 * not start. */
int gate_app_load(const char *json, size_t len, struct gate_app **ret, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	GATE_AUTO(gate_faults_done) struct gate_faults f = { .arena = &arena };
	GATE_AUTO(gate_app_freep) struct gate_app *app = NULL;
	const struct gate_doc *doc = NULL, *info;

	if (gate_doc_read(&arena, json, len, &doc, err) < 0 || read_app(doc, NULL, &f, &app, err) < 0)
		return -1;
	if (f.n > 0)
		return gate_faults_fail(&f, err);
	info = gate_doc_member(doc, "versionInfo");
	if (info != NULL && info->kind != GATE_DOC_OBJECT)
		info = NULL;
	app->version_ms = stored_time(doc, "version", 0);
	app->scaled_ms = stored_time(info, "lastScalingAt", app->version_ms);
	app->config_ms = stored_time(info, "lastConfigChangeAt", app->version_ms);
	app->check = app->ip_address = app->limits_said = app->secrets = app->unreachable_said = NULL;
	app->version_said = NULL;
	app->said &= ~gate_schema_bit(&gate_app_schema, "version");
	*ret = GATE_TAKE(&app);
	return 0;
}

int gate_app_copy(const struct gate_app *app, struct gate_app **ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &text, 0);
	gate_json_object(&j);
	gate_app_write(app, &j);
	gate_json_end(&j, '}');
	return text.failed ? GATE_FAIL_NOMEM(err) : gate_app_load(text.data, text.len, ret, err);
}

/* --- writing --- */

static void write_time(struct gate_json *j, const char *key, int64_t ms)
{
	char text[32];

	gate_app_time(ms, text);
	gate_json_key(j, key);
	gate_json_text(j, text);
}

static void write_limit(struct gate_json *j, const char *key, const struct gate_app_limit *l)
{
	if (!l->said)
		return;
	gate_json_key(j, key);
	if (l->unlimited)
		gate_json_text(j, "unlimited");
	else
		gate_json_double(j, l->value);
}

void gate_app_write(const struct gate_app *app, struct gate_json *j)
{
	gate_schema_write(&gate_app_schema, app, j);
	if (app->limit_cpus.said || app->limit_mem.said) {
		gate_json_key(j, "resourceLimits");
		gate_json_object(j);
		write_limit(j, "cpus", &app->limit_cpus);
		write_limit(j, "mem", &app->limit_mem);
		gate_json_end(j, '}');
	}
	gate_json_key(j, "unreachableStrategy");
	if (app->unreachable_disabled) {
		gate_json_text(j, "disabled");
	} else {
		gate_json_object(j);
		gate_json_key(j, "inactiveAfterSeconds");
		gate_json_i64(j, app->unreachable.inactive_s);
		gate_json_key(j, "expungeAfterSeconds");
		gate_json_i64(j, app->unreachable.expunge_s);
		gate_json_end(j, '}');
	}
	if (app->version_ms == 0)
		return;
	write_time(j, "version", app->version_ms);
	gate_json_key(j, "versionInfo");
	gate_json_object(j);
	write_time(j, "lastScalingAt", app->scaled_ms);
	write_time(j, "lastConfigChangeAt", app->config_ms);
	gate_json_end(j, '}');
}

static void write_plain(const struct gate_app *app, struct gate_buf *out)
{
	struct gate_app plain = *app; /* shallow: only read */
	struct gate_json j;

	plain.instances = 0;
	plain.version_ms = 0;
	gate_json_init(&j, out, 0);
	gate_json_object(&j);
	gate_app_write(&plain, &j);
	gate_json_end(&j, '}');
}

bool gate_app_differs(const struct gate_app *a, const struct gate_app *b)
{
	GATE_AUTO(gate_buf_done) struct gate_buf x = GATE_BUF_INIT, y = GATE_BUF_INIT;

	write_plain(a, &x);
	write_plain(b, &y);
	return x.failed || y.failed || x.len != y.len || memcmp(x.data, y.data, x.len) != 0;
}
