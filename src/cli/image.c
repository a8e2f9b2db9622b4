#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/tasks.h"
#include "image/image.h"

GATE_DEFINE_FREEP(struct gate_images, gate_images_close)
GATE_DEFINE_FREEP(struct gate_image, gate_image_free)

/* "12.3 MB", in powers of ten as docker has them. */
static void size_text(uint64_t bytes, char *ret, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double n = (double)bytes;
	size_t unit = 0;

	for (; n >= 999.5 && unit + 1 < GATE_ARRAY_LEN(units); unit++)
		n /= 1000;
	(void)snprintf(ret, size, unit == 0 || n >= 99.5 ? "%.0f %s" : "%.1f %s", n, units[unit]);
}

static void date_text(uint64_t seconds, char *ret, size_t size)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == 0 || gmtime_r(&t, &tm) == NULL || strftime(ret, size, "%Y-%m-%d", &tm) == 0)
		(void)snprintf(ret, size, "-");
}

static void texts_json(struct gate_json *j, const char *key, const char **list)
{
	gate_json_key(j, key);
	gate_json_array(j);
	for (; *list != NULL; list++)
		gate_json_text(j, *list);
	gate_json_end(j, ']');
}

static void image_json(const struct gate_image *i)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "image");
	gate_json_text(&j, i->reference);
	gate_json_key(&j, "digest");
	gate_json_text(&j, i->digest);
	gate_json_key(&j, "size");
	gate_json_u64(&j, i->size);
	gate_json_key(&j, "created");
	gate_json_u64(&j, i->created);
	texts_json(&j, "entrypoint", i->entrypoint);
	texts_json(&j, "cmd", i->cmd);
	texts_json(&j, "env", i->env);
	texts_json(&j, "labels", i->labels);
	gate_json_key(&j, "user");
	gate_json_text(&j, i->user);
	gate_json_key(&j, "workdir");
	gate_json_text(&j, i->workdir);
	gate_json_key(&j, "layers");
	gate_json_array(&j);
	for (size_t k = 0; k < i->n_layers; k++)
		gate_json_text(&j, i->layers[k]);
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static void say_image(const struct gate_cli *cli, const struct gate_image *i)
{
	char size[32];

	if (i->devices > 0)
		gate_say(cli, "%s: %llu device nodes were left out (a task has a /dev of its own)", i->reference,
		         (unsigned long long)i->devices);
	if (gate_option_set(cli, "quiet")) {
		(void)puts(i->digest);
		return;
	}
	if (gate_cli_json(cli)) {
		image_json(i);
		return;
	}
	size_text(i->size, size, sizeof(size));
	(void)printf("%s  %s  %s\n", i->reference, i->digest, size);
}

static void add_row(struct gate_table *t, const struct gate_image *i)
{
	char size[32], date[32];

	size_text(i->size, size, sizeof(size));
	date_text(i->created, date, sizeof(date));
	gate_table_add(t, GATE_STYLE_BOLD, "%s", i->reference);
	gate_table_add(t, GATE_STYLE_DIM, "%.19s", i->digest); /* sha256: and 12 digits */
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", size);
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", date);
}

static int list(struct gate_cli *cli, struct gate_images *s)
{
	const bool json = gate_cli_json(cli), quiet = gate_option_set(cli, "quiet");
	static const char *const titles[] = { "IMAGE", "DIGEST", "SIZE", "CREATED" };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_image **images = NULL;
	struct gate_table t;
	size_t n = 0;

	if (gate_images_list(s, &images, &n, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	gate_table_init(&t, GATE_ARRAY_LEN(titles));
	for (size_t i = 0; !json && !quiet && i < GATE_ARRAY_LEN(titles); i++)
		gate_table_add(&t, GATE_STYLE_PLAIN, "%s", titles[i]);
	for (size_t i = 0; i < n; i++) {
		/* Names, which are what rm and run take: two of them may have one digest. */
		if (quiet)
			(void)puts(images[i]->reference);
		else if (json)
			image_json(images[i]);
		else
			add_row(&t, images[i]);
		gate_image_free(images[i]);
	}
	free(images);
	gate_table_print(&t, stdout, cli->color_out, 0, 0);
	gate_table_done(&t);
	return 0;
}

static int pull(struct gate_cli *cli, struct gate_images *s)
{
	struct gate_err own = GATE_ERR_INIT;

	if (gate_container_own_ids(&own) < 0)
		return gate_trouble(cli, NULL, &own);
	for (char **r = cli->operands + 1; *r != NULL; r++) {
		GATE_AUTO(gate_image_freep) struct gate_image *i = NULL;
		struct gate_err err = GATE_ERR_INIT;

		if (gate_image_get(s, *r, true, &i, &err) < 0)
			return gate_trouble(cli, NULL, &err);
		say_image(cli, i);
	}
	return 0;
}

struct users {
	struct gate_store *tasks;
	struct gate_err err; /* why it cannot be told */
};

/* What cannot be told counts as used. */
static bool in_use(void *ctx, const char *layer)
{
	struct users *u = ctx;

	return gate_container_uses(u->tasks, layer, &u->err) != 0;
}

static int remove_images(struct gate_cli *cli, struct gate_images *s)
{
	/* Somebody who has no place for tasks, and names none, has no tasks there. */
	bool place = gate_option_text(cli, "state-dir") != NULL || geteuid() == 0 || getenv("XDG_RUNTIME_DIR") != NULL;
	GATE_AUTO(gate_store_closep) struct gate_store *tasks = place ? gate_ask_store(cli) : NULL;

	struct gate_err own = GATE_ERR_INIT;

	if (place && tasks == NULL)
		return gate_trouble_status(cli);
	if (gate_container_own_ids(&own) < 0)
		return gate_trouble(cli, NULL, &own);
	for (char **r = cli->operands + 1; *r != NULL; r++) {
		struct users users = { tasks, GATE_ERR_INIT };
		struct gate_err err = GATE_ERR_INIT;

		if (gate_image_remove(s, *r, place ? in_use : NULL, &users, &err) < 0)
			return gate_trouble(cli, NULL, users.err.code != GATE_OK ? &users.err : &err);
	}
	return 0;
}

static int import(struct gate_cli *cli, struct gate_images *s)
{
	GATE_AUTO(gate_image_freep) struct gate_image *i = NULL;
	const char *file = cli->operands[1];
	struct gate_err err = GATE_ERR_INIT;
	int fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_NOCTTY | O_CLOEXEC), rc;

	if (fd < 0) {
		gate_say(cli, "opening '%s': %s", file, strerror(errno));
		return gate_trouble_status(cli);
	}
	rc = gate_container_own_ids(&err) < 0 ? -1 : gate_image_import(s, fd, cli->operands[2], &i, &err);
	(void)close(fd);
	if (rc < 0)
		return gate_trouble(cli, NULL, &err);
	say_image(cli, i);
	return 0;
}

static const struct {
	const char *name, *operands;
	int least, most; /* of what follows; -1: any number */
	int (*run)(struct gate_cli *cli, struct gate_images *s);
} actions[] = {
	{ "ls", "nothing more", 0, 0, list },
	{ "pull", "REFERENCE...", 1, -1, pull },
	{ "rm", "REFERENCE...", 1, -1, remove_images },
	{ "import", "FILE|- NAME", 2, 2, import },
};

static int run(struct gate_cli *cli)
{
	const char *word = cli->operands[0];
	int n = cli->n_operands - 1;
	char near[96];

	for (size_t i = 0; i < GATE_ARRAY_LEN(actions); i++) {
		GATE_AUTO(gate_images_closep) struct gate_images *s = NULL;
		struct gate_err err = GATE_ERR_INIT;

		if (strcmp(word, actions[i].name) != 0)
			continue;
		if (n < actions[i].least || (actions[i].most >= 0 && n > actions[i].most)) {
			gate_say(cli, "image %s takes %s", word, actions[i].operands);
			gate_hint(cli, "callgate help image");
			return gate_trouble_status(cli);
		}
		if (gate_images_open(gate_option_text(cli, "store"), &s, &err) < 0)
			return gate_trouble(cli, NULL, &err);
		return actions[i].run(cli, s);
	}
	gate_suggest_text(word, "ls|pull|rm|import", near, sizeof(near));
	gate_say(cli, "image has no '%s'%s; there are ls, pull, rm and import", word, near);
	return gate_trouble_status(cli);
}

const struct gate_verb gate_verb_image = {
	.name = "image",
	.operands = "ls|pull|rm|import [ARG...]",
	.summary = "container images: list, fetch, remove, make from a tar archive",
	.about =
	    "ls: the images that are kept. pull REFERENCE...: fetches and unpacks images. rm REFERENCE...: forgets images, and removes "
	    "the layers that no other image needs; not while a task of --state-dir runs on them. import FILE|- NAME: the root file system in a tar archive as an image of one layer.\n\n"
	    "A REFERENCE is oci:DIR[:TAG] (an OCI image layout), docker-archive:FILE[:NAME] (what docker save writes), "
	    "docker://NAME (fetched by skopeo, which must be installed), or the name of an image that is kept.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_IMAGE,
	.rest = GATE_OPERAND_FILE,
	.least = 1,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "store", 0, "DIR", NULL, NULL, GATE_OPERAND_FILE,
	                  "where images are kept (default: /var/lib/callgate/images; without root $XDG_DATA_HOME/callgate/images "
	                  "or ~/.local/share/callgate/images)" },
			{ "quiet", 'q', NULL, NULL, NULL, GATE_OPERAND_NONE,
	                  "ls: names only; pull, import: the digest only" },
			{ 0 },
		    },
	            gate_options_state, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate image pull oci:./busybox:latest", "from an OCI layout" },
		{ "callgate image pull docker://alpine", "from a registry, through skopeo" },
		{ "callgate image import rootfs.tar.gz mine", "a root file system" },
		{ "callgate image ls", "what is kept" },
		{ "callgate image rm $(callgate image ls -q)", "none of it any more" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "done" },
		{ "2", "an image cannot be had, is refused or in use, or bad usage" },
		{ 0 },
	    },
	.run = run,
};
