#include <callgate/abi.h>

#include <signal.h>
#include <unistd.h>

#include "cli/agent_tasks.h"
#include "cli/tasks.h"

/* --- words that only the program knows --- */
static void words_calls(void)
{
	for (size_t i = 0; i < gate_name_count(); i++)
		(void)puts(gate_name_text((unsigned)i));
}

static void words_arches(void)
{
	for (int a = GATE_ARCH_NONE + 1; a < GATE_ARCH_MAX; a++)
		(void)puts(gate_arch_info((enum gate_arch)a)->name);
}

static void words_caps(void)
{
	(void)puts("none\ndocker\nall");
	for (unsigned c = 0; c <= GATE_CAP_LAST; c++)
		(void)puts(gate_cap_name(c));
}

static void words_sources(void)
{
	(void)puts("default\nunconfined\ndocker:\npodman:\ncontainerd:\ncri-o:\ncrun:\nmesos:\nbpf:\npid:");
}

static void words_image(void)
{
	(void)puts("ls\npull\nrm\nimport");
}

static void words_verbs(void)
{
	for (size_t i = 0; gate_verbs[i] != NULL; i++)
		(void)puts(gate_verbs[i]->name);
}

/* Ids and names of the tasks of the default state directory; nothing where there is none. */
static void words_tasks(void)
{
	GATE_AUTOFREE struct gate_entry *list = NULL;
	struct gate_store *s = NULL;
	size_t n = 0;

	if (gate_store_open(NULL, &s, NULL) == 0)
		(void)gate_store_list(s, &list, &n, NULL);
	for (size_t i = 0; i < n; i++)
		(void)printf("%.12s\n%s%s", list[i].id, list[i].name, list[i].name[0] != '\0' ? "\n" : "");
	gate_store_close(s);
}

/* --- what an agent knows: nothing, and no word of it, where none answers at once --- */
static void too_late(int sig)
{
	(void)sig;
	_exit(0);
}

/* A text of each object of a list, which is the answer or a member of it. */
static void words_agent(const char *path, const char *member, const char *key)
{
	enum { SECONDS = 2 };
	struct gate_api_answer answer = GATE_API_ANSWER_INIT;
	const struct gate_doc *list;

	if (getenv("CALLGATE_HOST") == NULL && access(strstr(GATE_REMOTE_HOST, "//") + 2, R_OK | W_OK) < 0)
		return;
	(void)fflush(stdout);
	(void)signal(SIGALRM, too_late);
	(void)alarm(SECONDS);
	if (gate_api_get(NULL, path, &answer, NULL) == 0) {
		list = member != NULL ? gate_api_at(answer.doc, member) : answer.doc;
		for (uint32_t i = 0; list != NULL && list->kind == GATE_DOC_ARRAY && i < list->n_items; i++)
			(void)puts(gate_api_text(&list->items[i], key));
	}
	(void)alarm(0);
	gate_api_answer_done(&answer);
}

static void words_apps(void)
{
	words_agent("/v2/apps", "apps", "id");
}

static void words_owners(void)
{
	words_apps();
	words_agent("/v1/jobs", NULL, "id");
}

static void words_any_tasks(void)
{
	words_tasks();
	words_agent("/api/v1/tasks", "tasks", "id");
}

static void words_things(void)
{
	words_owners();
	words_agent("/api/v1/tasks?state=active", "tasks", "id");
	words_agent("/api/v1/profiles", "profiles", "name");
}

static const struct {
	const char *name;
	void (*print)(void);
} lists[] = {
	{ "calls", words_calls },         { "arches", words_arches }, { "caps", words_caps },
	{ "sources", words_sources },     { "tasks", words_tasks },   { "verbs", words_verbs },
	{ "image", words_image },         { "apps", words_apps },     { "owners", words_owners },
	{ "any-tasks", words_any_tasks }, { "things", words_things },
};
#define LISTS "calls|arches|caps|sources|tasks|any-tasks|apps|owners|things|verbs|image"

/* Which list completes a word, and whether files may stand there too. */
static const struct {
	const char *list;
	bool files;
} kinds[GATE_OPERAND_MAX] = {
	[GATE_OPERAND_SOURCE] = { "sources", true }, [GATE_OPERAND_CALL] = { "calls", false },
	[GATE_OPERAND_FILE] = { NULL, true },        [GATE_OPERAND_VERB] = { "verbs", false },
	[GATE_OPERAND_COMMAND] = { NULL, true },     [GATE_OPERAND_ARCH] = { "arches", false },
	[GATE_OPERAND_CAPS] = { "caps", false },     [GATE_OPERAND_TASK] = { "tasks", false },
	[GATE_OPERAND_IMAGE] = { "image", false },   [GATE_OPERAND_ANY_TASK] = { "any-tasks", false },
	[GATE_OPERAND_APP] = { "apps", false },      [GATE_OPERAND_OWNER] = { "owners", false },
	[GATE_OPERAND_THING] = { "things", false },
};

/* Text inside single quotes, for a shell, without the marks of the manual. */
static void quoted(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			(void)fputs("'\\''", stdout);
		else if (*s != '*')
			(void)fputc(*s, stdout);
	}
}

static void spaced(const char *choices)
{
	for (; *choices != '\0'; choices++)
		(void)fputc(*choices == '|' ? ' ' : *choices, stdout);
}

/* --- bash --- */
static void bash_value(const struct gate_option *o, const char *pattern)
{
	(void)printf("\t%s) ", pattern);
	if (o->choices != NULL) {
		(void)fputs("words='", stdout);
		spaced(o->choices);
		(void)fputs("'", stdout);
	} else if (kinds[o->word].list != NULL) {
		(void)printf("words=$(callgate completion --words=%s)", kinds[o->word].list);
	}
	(void)printf("%s;;\n", kinds[o->word].files ? " files=1 " : " ");
}

static void bash_verb(const struct gate_verb *v)
{
	const struct gate_option *o;

	(void)printf("\t%s) options='", v->name);
	for (size_t i = 0; (o = gate_verb_option(v, i)) != NULL; i++)
		(void)printf("%s--%s%s", i > 0 ? " " : "", o->name, o->value != NULL ? "=" : "");
	(void)printf("' first=%s rest=%s", kinds[v->first].list != NULL ? kinds[v->first].list : "''",
	             kinds[v->rest].list != NULL ? kinds[v->rest].list : "''");
	if (v->first == GATE_OPERAND_SHELL)
		(void)fputs(" words='bash zsh fish'", stdout);
	if (kinds[v->first].files || kinds[v->rest].files)
		(void)fputs(" files=1", stdout);
	if (v->first == GATE_OPERAND_COMMAND)
		(void)fputs(" commands=1", stdout);
	(void)fputs(" ;;\n", stdout);
}

static void print_bash(void)
{
	const struct gate_option *o;

	(void)fputs(
	    "# bash completion for callgate; made by: callgate completion bash\n"
	    "_callgate() {\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n"
	    "\tlocal options='' first='' rest='' words='' files='' commands='' key='' i\n"
	    "\t# readline parts words at '=' and ':'\n"
	    "\tif [[ $cur == '=' || $cur == ':' ]]; then prev=$cur cur=''; fi\n"
	    "\tif [[ $prev == '=' ]]; then\n"
	    "\t\ti=$COMP_CWORD; [[ ${COMP_WORDS[i]} == '=' ]] && ((i++)); key=${COMP_WORDS[i-2]}\n"
	    "\telif [[ $prev == -* ]]; then key=$prev; fi\n"
	    "\tif ((COMP_CWORD == 1)); then\n"
	    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$(callgate completion --words=verbs) --help --version\" -- \"$cur\")\n"
	    "\t\treturn\n"
	    "\tfi\n"
	    "\tcase $verb in\n",
	    stdout);
	for (size_t i = 0; gate_verbs[i] != NULL; i++)
		bash_verb(gate_verbs[i]);
	(void)fputs("\tesac\n\tif [[ $cur == -* ]]; then\n"
	            "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
	            "\t\t[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n\t\treturn\n\tfi\n"
	            "\tcase \"$verb $key\" in\n",
	            stdout);
	for (size_t v = 0; gate_verbs[v] != NULL; v++)
		for (size_t i = 0; (o = gate_verb_option(gate_verbs[v], i)) != NULL; i++) {
			char pattern[96];

			if (o->value == NULL)
				continue;
			(void)snprintf(pattern, sizeof(pattern), "'%s --%s'", gate_verbs[v]->name, o->name);
			if (gate_option_letter(gate_verbs[v], o) != 0)
				(void)snprintf(pattern, sizeof(pattern), "'%s --%s'|'%s -%c'", gate_verbs[v]->name,
				               o->name, gate_verbs[v]->name, o->letter);
			bash_value(o, pattern);
		}
	(void)fputs(
	    "\t*) if ((COMP_CWORD == 2)) && [[ -n $first ]]; then words+=\" $(callgate completion --words=\"$first\")\"\n"
	    "\t   elif ((COMP_CWORD > 2)) && [[ -n $rest ]]; then words+=\" $(callgate completion --words=\"$rest\")\"; fi ;;\n"
	    "\tesac\n"
	    "\t[[ $prev == ':' ]] && words=''\n"
	    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"; [[ -n $files ]] && compgen -f -- \"$cur\"\n"
	    "\t\t[[ -n $commands ]] && compgen -c -- \"$cur\")\n"
	    "\t[[ ${COMPREPLY[0]} == *: ]] && compopt -o nospace\n"
	    "}\ncomplete -o filenames -F _callgate callgate\n",
	    stdout);
}

/* --- zsh --- */
static const char *zsh_action(enum gate_operand word)
{
	static const char *const actions[GATE_OPERAND_MAX] = {
		[GATE_OPERAND_NONE] = " ",
		[GATE_OPERAND_SOURCE] = "_callgate_sources",
		[GATE_OPERAND_CALL] = "_callgate_words calls",
		[GATE_OPERAND_FILE] = "_files",
		[GATE_OPERAND_VERB] = "_callgate_words verbs",
		[GATE_OPERAND_SHELL] = "(bash zsh fish)",
		[GATE_OPERAND_COMMAND] = "_normal",
		[GATE_OPERAND_ARCH] = "_callgate_words arches",
		[GATE_OPERAND_CAPS] = "_callgate_words caps",
		[GATE_OPERAND_TASK] = "_callgate_words tasks",
		[GATE_OPERAND_IMAGE] = "_callgate_words image",
		[GATE_OPERAND_ANY_TASK] = "_callgate_words any-tasks",
		[GATE_OPERAND_APP] = "_callgate_words apps",
		[GATE_OPERAND_OWNER] = "_callgate_words owners",
		[GATE_OPERAND_THING] = "_callgate_words things",
	};

	return actions[word];
}

/* Colons and brackets part the fields of a specification of _arguments. */
static void zsh_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '[' || *s == ']' || *s == ':')
			(void)fputc('\\', stdout);
		quoted((char[]){ *s, '\0' });
	}
}

static void zsh_option(const struct gate_verb *verb, const struct gate_option *o)
{
	bool letter = gate_option_letter(verb, o) != 0;

	if (letter)
		(void)printf("\t\t'(-%c --%s)-%c%s[", o->letter, o->name, o->letter, o->value != NULL ? "+" : "");
	if (letter) {
		zsh_text(o->help);
		(void)printf("]%s%s%s%s'", o->value != NULL ? ":" : "", o->value != NULL ? o->value : "",
		             o->value != NULL ? ":" : "", o->value != NULL ? zsh_action(o->word) : "");
		(void)puts(" \\");
	}
	(void)printf("\t\t'--%s%s[", o->name, o->value != NULL ? "=" : "");
	zsh_text(o->help);
	(void)fputs("]", stdout);
	if (o->value != NULL) {
		(void)fputs(":", stdout);
		zsh_text(o->value);
		(void)fputs(":", stdout);
		if (o->choices != NULL) {
			(void)fputs("(", stdout);
			spaced(o->choices);
			(void)fputs(")", stdout);
		} else {
			(void)fputs(zsh_action(o->word), stdout);
		}
	}
	(void)puts("' \\");
}

static void print_zsh(void)
{
	const struct gate_option *o;

	(void)fputs("#compdef callgate\n# made by: callgate completion zsh\n\n"
	            "_callgate_words() { local -a w; w=(${(f)\"$(callgate completion --words=$1)\"}); compadd -a w }\n"
	            "_callgate_sources() {\n"
	            "\tif [[ -prefix *: ]]; then compset -P '*:'; _files; else\n"
	            "\t\tlocal -a w; w=(${(f)\"$(callgate completion --words=sources)\"})\n"
	            "\t\tcompadd -S '' -- ${(M)w:#*:}; compadd -- ${w:#*:}; _files\n"
	            "\tfi\n}\n"
	            "_callgate() {\n\tlocal -a verbs=(\n",
	            stdout);
	for (size_t i = 0; gate_verbs[i] != NULL; i++) {
		(void)printf("\t\t'%s:", gate_verbs[i]->name);
		quoted(gate_verbs[i]->summary);
		(void)puts("'");
	}
	(void)fputs("\t)\n\tif ((CURRENT == 2)); then _describe verb verbs; return; fi\n"
	            "\tlocal verb=$words[2]\n\tshift words; ((CURRENT--))\n\tcase $verb in\n",
	            stdout);
	for (size_t i = 0; gate_verbs[i] != NULL; i++) {
		const struct gate_verb *v = gate_verbs[i];

		(void)printf("\t%s) _arguments -S \\\n", v->name);
		for (size_t k = 0; (o = gate_verb_option(v, k)) != NULL; k++)
			zsh_option(v, o);
		if (v->first == GATE_OPERAND_COMMAND)
			(void)puts("\t\t'*::command:_normal' ;;");
		else if (v->most == 0)
			(void)puts("\t\t;;");
		else
			(void)printf("\t\t'1: :%s'%s%s%s ;;\n", zsh_action(v->first), v->most != 1 ? " '*: :" : "",
			             v->most != 1 ? zsh_action(v->rest) : "", v->most != 1 ? "'" : "");
	}
	(void)fputs("\tesac\n}\n_callgate \"$@\"\n", stdout);
}

/* --- fish --- */
static void fish_words(enum gate_operand word, const char *choices)
{
	if (choices != NULL) {
		(void)fputs(" -x -a '", stdout);
		spaced(choices);
		(void)fputs("'", stdout);
	} else if (kinds[word].list != NULL) {
		(void)printf(" %s -a '(callgate completion --words=%s)'", kinds[word].files ? "-F -k" : "-x",
		             kinds[word].list);
	} else {
		(void)fputs(word == GATE_OPERAND_SHELL ? " -x -a 'bash zsh fish'"
		            : kinds[word].files        ? " -r -F"
		                                       : " -x",
		            stdout);
	}
}

static void print_fish(void)
{
	const struct gate_option *o;

	(void)fputs("# fish completion for callgate; made by: callgate completion fish\n"
	            "complete -c callgate -f\n"
	            "complete -c callgate -n __fish_use_subcommand -l help -s h -d 'show help'\n"
	            "complete -c callgate -n __fish_use_subcommand -l version -s V -d 'show the version'\n",
	            stdout);
	for (size_t i = 0; gate_verbs[i] != NULL; i++) {
		const struct gate_verb *v = gate_verbs[i];

		(void)printf("complete -c callgate -n __fish_use_subcommand -a %s -d '", v->name);
		quoted(v->summary);
		(void)puts("'");
		for (size_t k = 0; (o = gate_verb_option(v, k)) != NULL; k++) {
			(void)printf("complete -c callgate -n '__fish_seen_subcommand_from %s' -l %s", v->name,
			             o->name);
			if (gate_option_letter(v, o) != 0)
				(void)printf(" -s %c", o->letter);
			if (o->value != NULL)
				fish_words(o->word, o->choices);
			(void)fputs(" -d '", stdout);
			quoted(o->help);
			(void)puts("'");
		}
		if (v->most == 0)
			continue;
		(void)printf("complete -c callgate -n '__fish_seen_subcommand_from %s'", v->name);
		if (v->first == GATE_OPERAND_COMMAND)
			(void)fputs(" -F -a '(__fish_complete_subcommand)'", stdout);
		else
			fish_words(v->first, NULL);
		(void)fputc('\n', stdout);
		if (v->rest != v->first && v->most != 1) {
			(void)printf("complete -c callgate -n '__fish_seen_subcommand_from %s'", v->name);
			fish_words(v->rest, NULL);
			(void)fputc('\n', stdout);
		}
	}
}

static int run(struct gate_cli *cli)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };
	const char *list = gate_option_text(cli, "words");
	char near[96];

	for (size_t i = 0; list != NULL && i < GATE_ARRAY_LEN(lists); i++)
		if (strcmp(lists[i].name, list) == 0) {
			lists[i].print();
			return 0;
		}
	if (cli->n_operands == 0) {
		gate_say(cli, "completion needs SHELL: bash, zsh or fish");
		return gate_trouble_status(cli);
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(shells); i++)
		if (strcmp(shells[i].name, cli->operands[0]) == 0) {
			shells[i].print();
			return 0;
		}
	gate_suggest_text(cli->operands[0], "bash|zsh|fish", near, sizeof(near));
	gate_say(cli, "no completion for '%s', only for bash, zsh and fish%s", cli->operands[0], near);
	return gate_trouble_status(cli);
}

const struct gate_verb gate_verb_completion = {
	.name = "completion",
	.operands = "SHELL",
	.summary = "a script that completes callgate's words in bash, zsh or fish",
	.about =
	    "Prints a script for SHELL. Packages install the three where the shells look for them; from a build: "
	    "source <(callgate completion bash). Names of calls, architectures and capabilities come from the program "
	    "itself while completing, those of apps, jobs, tasks and profiles from the agent, where one answers.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SHELL,
	.least = 0,
	.most = 1,
	.groups = { (const struct gate_option[]){
	    { "words", 0, "LIST", LISTS, NULL, GATE_OPERAND_NONE,
	      "print a list of words, one a line, as the scripts do" },
	    { 0 },
	} },
	.examples =
	    (const struct gate_example[]){
		{ "source <(callgate completion bash)", "in the running bash" },
		{ "callgate completion --words=calls", "every system call name of every architecture" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "2", "no such shell" }, { 0 } },
	.run = run,
};
