/* The documents of images: each reader gets any bytes. What one accepts keeps its promises. */
#include "fuzz.h"
#include "image/manifest.h"
#include "image/out.h"

static void check_list(const char *const *list)
{
	FUZZ_CHECK(list != NULL);
	for (; *list != NULL; list++)
		FUZZ_CHECK(strlen(*list) < GATE_OUT_PATH * 256u);
}

static void check_refusal(const struct gate_err *err)
{
	FUZZ_CHECK(err->code != GATE_OK && err->text[0] != '\0');
}

static void try_index(struct gate_arena *arena, const char *text, size_t len, const char *tag)
{
	const struct gate_platform host = { "amd64", "386" };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_blob blob;
	bool more;

	if (gate_index_read(arena, text, len, tag, &host, &blob, &more, &err) < 0)
		check_refusal(&err);
	else
		FUZZ_CHECK(blob.type != NULL && blob.size <= INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	const char *text = (const char *)data;
	struct gate_err err[3] = { GATE_ERR_INIT, GATE_ERR_INIT, GATE_ERR_INIT };
	struct gate_manifest manifest;
	struct gate_config config;
	struct gate_saved saved;

	try_index(&arena, text, size, NULL);
	try_index(&arena, text, size, "latest");
	if (gate_manifest_read(&arena, text, size, &manifest, &err[0]) < 0)
		check_refusal(&err[0]);
	else
		FUZZ_CHECK(manifest.n_layers <= GATE_IMAGE_LAYERS);
	if (gate_saved_read(&arena, text, size, NULL, &saved, &err[1]) < 0)
		check_refusal(&err[1]);
	else
		check_list(saved.layers);
	if (gate_config_read(&arena, text, size, NULL, &config, &err[2]) < 0) {
		check_refusal(&err[2]);
	} else {
		check_list(config.entrypoint);
		check_list(config.cmd);
		check_list(config.env);
		check_list(config.labels);
		FUZZ_CHECK(config.n_diffs > 0 && config.n_diffs <= GATE_IMAGE_LAYERS);
	}
	gate_arena_done(&arena);
	return 0;
}
