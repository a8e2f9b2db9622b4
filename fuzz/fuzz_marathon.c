/* Marathon's definitions: what is accepted is stable through its JSON, its patches and its task; what is refused says why. */
#include "fuzz.h"
#include "spec/marathon.h"

static const struct gate_app_host host = { "node1", "rack:r1;cores:8" };

static void show(const struct gate_app *app, struct gate_buf *out)
{
	struct gate_json j;

	gate_json_init(&j, out, 0);
	gate_json_object(&j);
	gate_app_write(app, &j);
	gate_json_end(&j, '}');
	FUZZ_CHECK(!out->failed);
}

static void check_task(const struct gate_app *app)
{
	static const uint16_t ports[32] = { 31000 };
	const struct gate_app_instance i = { "t", "node1", GATE_ISOLATE_ALL, true, ports, app->ports.n };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;

	FUZZ_CHECK(app->ports.n <= 32);
	gate_task_init(&t);
	FUZZ_CHECK(gate_app_task(app, &i, &t, &err) == 0);
	FUZZ_CHECK(t.args.n > 0 || t.image != NULL);
	FUZZ_CHECK(t.cpu_shares >= 2 && (t.cpu_quota_us == 0 || t.cpu_quota_us >= 1000));
	FUZZ_CHECK(t.network.mode == GATE_NS_HOST && t.profile == NULL);
	for (size_t k = 0; k < t.env.n; k++)
		FUZZ_CHECK(strchr(t.env.at[k], '=') > t.env.at[k]);
	for (size_t k = 0; k < t.volumes.n; k++)
		FUZZ_CHECK(t.volumes.at[k].target[0] == '/' && strstr(t.volumes.at[k].target, "/../") == NULL);
	gate_task_done(&t);
}

static void check_app(const struct gate_app *app, const struct gate_doc *doc)
{
	struct gate_buf one = GATE_BUF_INIT, two = GATE_BUF_INIT;
	struct gate_app *loaded = NULL, *patched = NULL;
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_faults f;

	FUZZ_CHECK(app->id[0] == '/' && strlen(app->id) <= GATE_APP_ID_MAX);
	show(app, &one);
	if (one.len > GATE_DOC_MAX) { /* escapes may make it longer than what may be read */
		gate_buf_done(&one);
		return;
	}
	FUZZ_CHECK(gate_app_load(one.data, one.len, &loaded, &err) == 0);
	show(loaded, &two);
	FUZZ_CHECK(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	FUZZ_CHECK(!gate_app_differs(app, loaded));
	/* What it says already changes nothing. */
	gate_faults_init(&f, &arena);
	if (gate_app_patch(loaded, doc, &host, &f, &patched, &err) == 0)
		FUZZ_CHECK(!gate_app_differs(app, patched));
	gate_app_free(patched);
	gate_faults_done(&f);
	gate_arena_done(&arena);
	check_task(app);
	gate_app_free(loaded);
	gate_buf_done(&one);
	gate_buf_done(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_arena arena = { .limit = 64u << 20 };
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *doc = NULL;
	struct gate_app *app = NULL;
	struct gate_faults f;

	gate_faults_init(&f, &arena);
	if (gate_doc_read(&arena, (const char *)data, size, &doc, &err) == 0) {
		if (gate_app_read(doc, NULL, &host, &f, &app, &err) < 0) {
			struct gate_buf out = GATE_BUF_INIT;

			FUZZ_CHECK(err.text[0] != '\0' && f.n > 0 && app == NULL);
			gate_faults_write(&f, &out);
			FUZZ_CHECK(out.len > 0);
			gate_buf_done(&out);
		} else {
			check_app(app, doc);
			gate_app_free(app);
		}
	}
	gate_faults_done(&f);
	gate_arena_done(&arena);
	return 0;
}
