/* Mesos' ways to write times, resources and capabilities. */
#include <callgate/abi.h>

#include "base/num.h"
#include "config/parts.h"

/* A number as people write one: digits, maybe a point and digits. */
static bool number(const char *s, size_t len, double *ret)
{
	char text[40];
	size_t digits = strspn(s, "0123456789"), rest = 0;

	if (len == 0 || len >= sizeof(text) || digits == 0)
		return false;
	if (digits < len && s[digits] == '.') {
		rest = strspn(s + digits + 1, "0123456789");
		if (rest == 0)
			return false;
		rest++;
	}
	if (digits + rest != len)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	*ret = strtod(text, NULL);
	return true;
}

int gate_duration_parse(const char *text, uint64_t *ms, struct gate_err *err)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {
		{ "ns", 1e-6 },    { "us", 1e-3 },    { "ms", 1 },         { "secs", 1000 },
		{ "mins", 60000 }, { "hrs", 3600e3 }, { "days", 86400e3 }, { "weeks", 604800e3 },
	};
	size_t len = strspn(text, "0123456789.");
	double n;

	for (size_t i = 0; i < GATE_ARRAY_LEN(units); i++) {
		if (strcmp(units[i].name, text + len) != 0)
			continue;
		if (!number(text, len, &n) || n * units[i].ms > 1e15)
			break;
		*ms = (uint64_t)(n * units[i].ms);
		return 0;
	}
	return GATE_FAIL(err, GATE_E_INVALID,
	                 "'%.60s' is not a time: a number and ns, us, ms, secs, mins, hrs, days or weeks", text);
}

struct resource {
	const char *name;
	size_t len;
};

static int scalar(struct resource name, double n, struct gate_resources *ret, struct gate_err *err)
{
	bool whole = n >= 0 && n < 1e15;

	if (name.len == 4 && memcmp(name.name, "cpus", 4) == 0 && n >= 0 && n <= 100000)
		ret->cpus = n;
	else if (name.len == 3 && memcmp(name.name, "mem", 3) == 0 && whole)
		ret->mem_mib = (uint64_t)n;
	else if (name.len == 4 && memcmp(name.name, "disk", 4) == 0 && whole)
		ret->disk_mib = (uint64_t)n;
	else
		return GATE_FAIL(err, GATE_E_INVALID, "'%.*s' is not a resource here: cpus, mem, disk and ports are",
		                 (int)(name.len < 40 ? name.len : 40), name.name);
	return 0;
}

static int ports(uint64_t low, uint64_t high, struct gate_resources *ret, struct gate_err *err)
{
	if (low == 0 || low > high || high > 65535)
		return GATE_FAIL(err, GATE_E_INVALID, "%llu-%llu is not a range of ports", (unsigned long long)low,
		                 (unsigned long long)high);
	ret->port_low = (uint16_t)low;
	ret->port_high = (uint16_t)high;
	return 0;
}

/* "ports:[31000-32000]": one range. */
static int text_ports(const char *s, size_t len, struct gate_resources *ret, struct gate_err *err)
{
	const char *dash = memchr(s, '-', len);
	uint64_t low, high;

	if (len < 5 || s[0] != '[' || s[len - 1] != ']' || dash == NULL ||
	    gate_u64_parse(s + 1, (size_t)(dash - s) - 1, 65535, &low) < 0 ||
	    gate_u64_parse(dash + 1, len - (size_t)(dash - s) - 2, 65535, &high) < 0)
		return GATE_FAIL(err, GATE_E_INVALID, "ports are one range, as in ports:[31000-32000], not '%.*s'",
		                 (int)(len < 60 ? len : 60), s);
	return ports(low, high, ret, err);
}

static int text_one(const char *s, size_t len, struct gate_resources *ret, struct gate_err *err)
{
	const char *colon = memchr(s, ':', len);
	struct resource name = { s, colon != NULL ? (size_t)(colon - s) : 0 };
	double n;

	if (colon == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "'%.*s' is not a resource, as in cpus:2",
		                 (int)(len < 60 ? len : 60), s);
	/* "cpus(*):2": the role of everybody */
	if (name.len > 3 && memcmp(s + name.len - 3, "(*)", 3) == 0)
		name.len -= 3;
	else if (memchr(s, '(', name.len) != NULL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "resources have no roles on one host: '%.*s'", (int)name.len,
		                 s);
	len -= (size_t)(colon - s) + 1;
	if (name.len == 5 && memcmp(s, "ports", 5) == 0)
		return text_ports(colon + 1, len, ret, err);
	if (!number(colon + 1, len, &n))
		return GATE_FAIL(err, GATE_E_INVALID, "'%.*s' is not an amount of %.*s", (int)(len < 40 ? len : 40),
		                 colon + 1, (int)(name.len < 40 ? name.len : 40), s);
	return scalar(name, n, ret, err);
}

static int json_one(const struct gate_doc *d, struct gate_resources *ret, struct gate_err *err)
{
	const struct gate_doc *name = gate_doc_member(d, "name"), *value;
	const struct gate_doc *list = gate_doc_member(gate_doc_member(d, "ranges"), "range");
	uint64_t low, high;
	double n;

	if (name == NULL || name->kind != GATE_DOC_STRING)
		return GATE_FAIL(err, GATE_E_INVALID, "a resource needs a name");
	if (strcmp(name->text, "ports") == 0) {
		if (list == NULL || list->kind != GATE_DOC_ARRAY || list->n_items != 1)
			return GATE_FAIL(err, GATE_E_INVALID, "ports are one range");
		value = gate_doc_member(&list->items[0], "begin");
		if (value == NULL ||
		    gate_u64_parse(value->text != NULL ? value->text : "", value->len, 65535, &low) < 0)
			return GATE_FAIL(err, GATE_E_INVALID, "a range of ports needs begin and end");
		value = gate_doc_member(&list->items[0], "end");
		if (value == NULL ||
		    gate_u64_parse(value->text != NULL ? value->text : "", value->len, 65535, &high) < 0)
			return GATE_FAIL(err, GATE_E_INVALID, "a range of ports needs begin and end");
		return ports(low, high, ret, err);
	}
	value = gate_doc_member(gate_doc_member(d, "scalar"), "value");
	if (value == NULL || value->kind != GATE_DOC_NUMBER || !number(value->text, value->len, &n))
		return GATE_FAIL(err, GATE_E_INVALID, "resource '%.40s' needs scalar.value", name->text);
	return scalar((struct resource){ name->text, name->len }, n, ret, err);
}

static int json_all(const char *text, struct gate_resources *ret, struct gate_err *err)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *d = NULL;
	int rc = gate_doc_read(&arena, text, strlen(text), &d, err);

	for (size_t i = 0; rc == 0 && i < d->n_items; i++)
		rc = json_one(&d->items[i], ret, err);
	gate_arena_done(&arena);
	return rc;
}

int gate_resources_parse(const char *text, struct gate_resources *ret, struct gate_err *err)
{
	struct gate_resources r = *ret;

	if (text[0] == '[') {
		if (json_all(text, &r, err) < 0)
			return -1;
		*ret = r;
		return 0;
	}
	for (const char *s = text; *s != '\0';) {
		size_t len = strcspn(s, ";");

		if (len != 0 && text_one(s, len, &r, err) < 0)
			return -1;
		s += len;
		s += *s == ';';
	}
	*ret = r;
	return 0;
}

static int capability(const char *s, size_t len, uint64_t *ret, struct gate_err *err)
{
	char name[40] = "CAP_";
	int cap = -1;

	if (len > 4 && strncmp(s, "CAP_", 4) == 0) {
		s += 4;
		len -= 4;
	}
	if (len < sizeof(name) - 4) {
		memcpy(name + 4, s, len);
		cap = gate_cap_find(name, 4 + len);
	}
	if (cap < 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'%.*s' is not a capability", (int)(len < 40 ? len : 40), s);
	*ret |= UINT64_C(1) << cap;
	return 0;
}

int gate_capabilities_parse(const char *text, uint64_t *ret, struct gate_err *err)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *d = NULL, *list;
	uint64_t caps = 0;
	int rc = 0;

	if (text[0] != '{') {
		for (const char *s = text; rc == 0 && *s != '\0'; s += *s == ',') {
			size_t len = strcspn(s, ",");

			rc = capability(s, len, &caps, err);
			s += len;
		}
	} else {
		rc = gate_doc_read(&arena, text, strlen(text), &d, err);
		list = rc == 0 ? gate_doc_member(d, "capabilities") : NULL;
		for (size_t i = 0; list != NULL && rc == 0 && i < list->n_items; i++)
			rc = capability(list->items[i].text != NULL ? list->items[i].text : "", list->items[i].len,
			                &caps, err);
		gate_arena_done(&arena);
	}
	if (rc == 0)
		*ret = caps;
	return rc;
}
