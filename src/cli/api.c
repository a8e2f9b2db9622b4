#include <ctype.h>

#include "base/num.h"
#include "cli/api.h"
#include "cli/tasks.h"

#define ANSWER_BYTES  ((size_t)64 << 20)
#define ANSWER_VALUES ((size_t)2 << 20)

const struct gate_option gate_options_host[] = {
	{ "host", 'H', "HOST", NULL, NULL, GATE_OPERAND_NONE,
	  "the agent: *unix://PATH* or *https://ADDRESS:PORT* (else CALLGATE_HOST, else the one of this host)" },
	{ "tls-cert", 0, "FILE", NULL, NULL, GATE_OPERAND_FILE, "our certificate for https (else CALLGATE_TLS_CERT)" },
	{ "tls-key", 0, "FILE", NULL, NULL, GATE_OPERAND_FILE, "its key (else CALLGATE_TLS_KEY)" },
	{ "tls-ca", 0, "FILE", NULL, NULL, GATE_OPERAND_FILE, "who signed the agent's (else CALLGATE_TLS_CA)" },
	{ 0 },
};

const char *gate_api_host(const struct gate_cli *cli)
{
	const char *host = cli != NULL ? gate_option_text(cli, "host") : NULL;

	if (host == NULL)
		host = getenv("CALLGATE_HOST");
	return host != NULL && host[0] != '\0' ? host : GATE_REMOTE_HOST;
}

void gate_api_prepare(const struct gate_cli *cli)
{
	static const struct {
		const char *option, *variable;
	} files[] = { { "tls-cert", "CALLGATE_TLS_CERT" },
		      { "tls-key", "CALLGATE_TLS_KEY" },
		      { "tls-ca", "CALLGATE_TLS_CA" } };

	for (size_t i = 0; cli != NULL && i < GATE_ARRAY_LEN(files); i++) {
		const char *file = gate_option_text(cli, files[i].option);

		if (file != NULL)
			(void)setenv(files[i].variable, file, 1);
	}
}

void gate_api_answer_done(struct gate_api_answer *a)
{
	gate_buf_done(&a->body);
	gate_arena_done(&a->arena);
	*a = (struct gate_api_answer)GATE_API_ANSWER_INIT;
}

int gate_api_call(const struct gate_cli *cli, const char *method, const char *path, const struct gate_buf *body,
                  struct gate_api_answer *ret, struct gate_err *err)
{
	struct gate_remote_request q = { .host = gate_api_host(cli), .method = method, .path = path };

	gate_api_answer_done(ret);
	gate_api_prepare(cli);
	if (body != NULL) {
		if (body->failed)
			return GATE_FAIL_NOMEM(err);
		q.body = body->data;
		q.body_len = body->len;
	}
	ret->status = gate_remote_ask(&q, ANSWER_BYTES, &ret->body, err);
	if (ret->status < 0)
		return -1;
	if (ret->body.len > 0 && gate_doc_read_most(&ret->arena, ret->body.data, ret->body.len, ANSWER_BYTES,
	                                            ANSWER_VALUES, &ret->doc, NULL) < 0)
		ret->doc = NULL;
	return 0;
}

int gate_api_get(const struct gate_cli *cli, const char *path, struct gate_api_answer *ret, struct gate_err *err)
{
	if (gate_api_call(cli, "GET", path, NULL, ret, err) < 0)
		return -1;
	if (ret->status >= 200 && ret->status < 300 && ret->doc != NULL)
		return 0;
	return gate_api_refused(ret, err);
}

/* {"details": [{"path": "/id", "errors": ["must be …"]}]} */
static void add_details(const struct gate_doc *details, struct gate_buf *out)
{
	for (uint32_t i = 0; details != NULL && details->kind == GATE_DOC_ARRAY && i < details->n_items; i++) {
		const struct gate_doc *errors = gate_api_at(&details->items[i], "errors");
		const char *path = gate_api_text(&details->items[i], "path");

		for (uint32_t k = 0; errors != NULL && errors->kind == GATE_DOC_ARRAY && k < errors->n_items; k++)
			gate_buf_printf(out, "; %s%s%s", path, path[0] != '\0' ? ": " : "",
			                errors->items[k].text != NULL ? errors->items[k].text : "");
	}
}

int gate_api_refused(const struct gate_api_answer *a, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	const char *message = gate_api_text(a->doc, "message");
	enum gate_errc code = a->status == 404   ? GATE_E_NOTFOUND
	                      : a->status == 403 ? GATE_E_DENIED
	                      : a->status == 409 ? GATE_E_CONFLICT
	                                         : GATE_E_INVALID;

	/* Some answers are text: Mesos' operator API. */
	if (message[0] == '\0' && a->doc == NULL && a->body.data != NULL)
		message = a->body.data;
	gate_buf_escaped(&text, message, strcspn(message, "\n"));
	if (text.len == 0)
		gate_buf_printf(&text, "the agent answers with status %d", a->status);
	add_details(gate_api_at(a->doc, "details"), &text);
	gate_err_set(err, code, 0, "%s", text.data != NULL ? text.data : "");
	return -1;
}

int gate_api_trouble(const struct gate_cli *cli, const struct gate_err *err)
{
	int status = gate_trouble(cli, NULL, err);

	if (strncmp(err->text, "no agent answers at ", 20) == 0 && err->code == GATE_E_NOTFOUND)
		gate_hint(cli, "callgate agent starts one; --host or CALLGATE_HOST name another");
	else if (strncmp(err->text, "no agent answers at ", 20) == 0 && err->code == GATE_E_DENIED)
		gate_hint(cli, "only root and the group of the socket may ask this agent");
	return status;
}

void gate_api_path(struct gate_buf *out, const char *front, const char *id, const char *back)
{
	gate_buf_puts(out, front);
	gate_remote_escape(out, id, true);
	gate_buf_puts(out, back);
}

void gate_api_app_path(struct gate_buf *out, const char *id, const char *back)
{
	gate_api_path(out, id[0] == '/' ? "/v2/apps" : "/v2/apps/", id, back);
}

/* --- what a document says --- */
const struct gate_doc *gate_api_at(const struct gate_doc *d, const char *way)
{
	while (d != NULL && way[0] != '\0') {
		size_t n = strcspn(way, ".");
		const struct gate_doc *found = NULL;

		for (uint32_t i = 0; d->kind == GATE_DOC_OBJECT && i < d->n_items; i++)
			if (d->items[i].key_len == n && strncmp(d->items[i].key, way, n) == 0)
				found = &d->items[i];
		d = found;
		way += n + (way[n] == '.');
	}
	return d != NULL && d->kind != GATE_DOC_NULL ? d : NULL;
}

const char *gate_api_text(const struct gate_doc *d, const char *way)
{
	d = gate_api_at(d, way);
	return d != NULL && d->text != NULL ? d->text : "";
}

uint64_t gate_api_number(const struct gate_doc *d, const char *way)
{
	const char *text = gate_api_text(d, way);
	uint64_t n = 0;

	(void)gate_u64_parse(text, strcspn(text, "."), UINT64_MAX, &n);
	return n;
}

bool gate_api_true(const struct gate_doc *d, const char *way)
{
	d = gate_api_at(d, way);
	return d != NULL && d->kind == GATE_DOC_BOOL && strcmp(d->text, "true") == 0;
}

uint64_t gate_api_time(const struct gate_doc *d, const char *way)
{
	char text[64];
	uint64_t ns = 0;

	(void)snprintf(text, sizeof(text), "%s", gate_api_text(d, way));
	size_t n = strlen(text);

	/* Metronome writes its zone without a colon: +0000. */
	if (n > 5 && (text[n - 5] == '+' || text[n - 5] == '-') && n + 1 < sizeof(text)) {
		memmove(text + n - 1, text + n - 2, 3);
		text[n - 2] = ':';
	}
	if (n == 0 || gate_time_parse(text, gate_now_ns(), &ns, NULL) < 0)
		return 0;
	return ns;
}

void gate_api_ago(const struct gate_doc *d, const char *way, char ret[48])
{
	uint64_t when = gate_api_time(d, way), now = gate_now_ns();
	char text[32];

	if (when == 0) {
		(void)snprintf(ret, 48, "never");
		return;
	}
	gate_duration_text(now > when ? now - when : 0, text);
	text[0] = (char)tolower((unsigned char)text[0]); /* it stands within sentences */
	(void)snprintf(ret, 48, "%s ago", text);
}

const char *gate_api_seccomp(const struct gate_doc *seccomp)
{
	const char *name = gate_api_text(seccomp, "profileName");

	if (name[0] != '\0')
		return name;
	return gate_api_true(seccomp, "unconfined") ? "unconfined" : "-";
}

void gate_api_print(const struct gate_api_answer *a)
{
	(void)fwrite(a->body.data, 1, a->body.len, stdout);
	if (a->body.len > 0 && a->body.data[a->body.len - 1] != '\n')
		(void)fputc('\n', stdout);
}
