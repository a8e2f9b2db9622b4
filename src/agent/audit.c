/* Who did what. A row waits for the next commit: that of the change it stands for, or that of the turn. */
#include <stdio.h>

#include "agent/parts.h"

#define KEPT 100000

void gate_client_text(const struct gate_http_peer *peer, char text[80])
{
	if (peer->local)
		(void)snprintf(text, 80, "uid %u pid %d", (unsigned)peer->uid, (int)peer->pid);
	else
		(void)snprintf(text, 80, "CN %.70s", peer->subject != NULL ? peer->subject : "");
}

static void audit_free(struct audit *x)
{
	if (x == NULL)
		return;
	free(x->client);
	free(x->method);
	free(x->path);
	free(x);
}

void gate_audit_drop(struct gate_agent *a)
{
	for (struct audit **at = &a->audit; *at != NULL;) {
		struct audit *x = *at;

		if (x->status != 0) {
			at = &x->next;
			continue;
		}
		*at = x->next;
		audit_free(x);
	}
	for (a->audit_end = &a->audit; *a->audit_end != NULL; a->audit_end = &(*a->audit_end)->next)
		;
}

/* A handler that knows more than the guard says it again, before its commit: that one counts. */
void gate_audit_add(struct gate_agent *a, const char *client, const char *method, const char *path, int status)
{
	struct audit *x = calloc(1, sizeof(*x));

	if (status == 0)
		gate_audit_drop(a);
	if (x != NULL) {
		x->at_ms = gate_agent_wall(a);
		x->status = status;
		x->client = strdup(client);
		x->method = strdup(method);
		x->path = strdup(path);
	}
	if (x == NULL || x->client == NULL || x->method == NULL || x->path == NULL) {
		audit_free(x);
		gate_err_set(&a->fatal, GATE_E_NOMEM, 0, "out of memory");
		return;
	}
	*a->audit_end = x;
	a->audit_end = &x->next;
}

bool gate_audit_waits(const struct gate_agent *a)
{
	return a->audit != NULL;
}

void gate_audit_flush(struct gate_agent *a)
{
	for (const struct audit *x = a->audit; x != NULL; x = x->next)
		gate_db_run(a->db, "INSERT INTO audit (at_ms, client, method, path, status) VALUES (?, ?, ?, ?, ?)",
		            "ittti", x->at_ms, x->client, x->method, x->path, (int64_t)x->status);
	if (a->audit != NULL)
		gate_db_run(a->db, "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", "i", (int64_t)KEPT);
}

void gate_audit_written(struct gate_agent *a)
{
	while (a->audit != NULL) {
		struct audit *x = a->audit;

		a->audit = x->next;
		audit_free(x);
	}
	a->audit_end = &a->audit;
}

void gate_audit_close(struct gate_agent *a)
{
	gate_audit_written(a);
}
