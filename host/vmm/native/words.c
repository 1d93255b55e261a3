// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See words.h. unittests.cfg describes a program's machine in QEMU's words (QEMU's manual page).
 * ferry-vmm has the same words for CPU features as `-cpu`.
 */
#include <string.h>

#include "util/log-file.h"
#include "util/text.h"
#include "vmm/native/native.h"
#include "vmm/native/words.h"

#define MIB_PER_GIB 1024
#define MOST_MIB    (1 << 20)

struct translation {
	GPtrArray *options;
	GString *cpu, *hyperv; /* lists, separated by commas */
	char *problem;	       /* or NULL */
};

static void add(struct translation *translation, const char *option, const char *value)
{
	g_ptr_array_add(translation->options, g_strdup(option));
	g_ptr_array_add(translation->options, g_strdup(value));
}

static void append(GString *list, const char *word)
{
	g_string_append_printf(list, "%s%s", list->len ? "," : "", word);
}

static G_GNUC_PRINTF(2, 3) void lacks(struct translation *translation, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list arguments;

	if (translation->problem)
		return;
	va_start(arguments, format);
	what = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	translation->problem = g_strdup_printf("the native VMM has no %s", what);
}

static gboolean is_one_of(const char *word, const char *const *words)
{
	return g_strv_contains(words, word);
}

/* ---- what may follow an option ---- */

/* Each of these models stands for all that KVM offers: its answer to KVM_GET_SUPPORTED_CPUID. */
static void take_cpu(struct translation *translation, const char *value)
{
	static const char *const models[] = { "max", "host", "qemu64", NULL };
	g_auto(GStrv) words = g_strsplit(value, ",", -1);

	if (!*words || !is_one_of(*words, models)) {
		lacks(translation, "-cpu %s", *words ? *words : "");
		return;
	}
	for (char **word = words + 1; *word; word++) {
		if (g_str_has_prefix(*word, "hv-") || g_str_has_prefix(*word, "hv_"))
			append(translation->hyperv, *word + strlen("hv-"));
		else
			append(translation->cpu, *word);
	}
}

static void take_memory(struct translation *translation, const char *value)
{
	g_autofree char *digits = g_strndup(value, strspn(value, "0123456789"));
	g_autofree char *unit = g_ascii_strup(value + strlen(digits), -1);
	gboolean gib = g_str_equal(unit, "G");
	g_autofree char *mib = NULL;
	gint64 number;

	if (!text_number(digits, 1, MOST_MIB, &number) ||
	    (*unit && !gib && !g_str_equal(unit, "M"))) {
		lacks(translation, "-m %s", value);
		return;
	}
	mib = g_strdup_printf("%" G_GINT64_FORMAT, gib ? number * MIB_PER_GIB : number);
	add(translation, "--memory", mib);
}

/* "q35,kernel-irqchip=split". The type does not matter: flat guests see no difference. */
static void take_machine(struct translation *translation, const char *value)
{
	static const char *const without_meaning[] = { "q35",	     "pc",	 "accel=kvm",
						       "type=q35",   "type=pc",	 "hpet=off",
						       "vmport=off", "sata=off", "usb=off",
						       "smbus=off",  NULL };
	static const char *const irqchips[] = { "on", "split", "off", NULL };
	g_auto(GStrv) words = g_strsplit(value, ",", -1);

	for (char **word = words; *word; word++) {
		g_autofree char *name = g_strdelimit(g_strdup(*word), "_", '-');

		if (g_str_has_prefix(name, "kernel-irqchip=") &&
		    is_one_of(strchr(name, '=') + 1, irqchips)) {
			const char *where = strchr(name, '=') + 1;

			add(translation, "--irqchip", g_str_equal(where, "on") ? "kernel" : where);
		} else if (!is_one_of(name, without_meaning)) {
			lacks(translation, "-machine %s", *word);
		}
	}
}

/* Every guest has these devices anyway. */
static void take_device(struct translation *translation, const char *value)
{
	static const char *const devices[] = { "hyperv-testdev", "pc-testdev", NULL };

	if (!is_one_of(value, devices))
		lacks(translation, "-device %s", value);
}

static void take_accel(struct translation *translation, const char *value)
{
	if (!g_str_equal(value, "kvm"))
		lacks(translation, "-accel %s", value);
}

static void take_network(struct translation *translation, const char *value)
{
	if (!g_str_equal(value, "none"))
		lacks(translation, "network");
}

static void take_command_line(struct translation *translation, const char *value)
{
	add(translation, "--append", value);
}

static void take_cpus(struct translation *translation, const char *value)
{
	add(translation, "--cpus", value);
}

static void take_nothing(struct translation *translation, const char *value)
{
}

static const struct {
	const char *name;
	gboolean alone; /* no value follows */
	void (*take)(struct translation *translation, const char *value);
} options[] = {
	{ "-cpu", FALSE, take_cpu },	       { "-m", FALSE, take_memory },
	{ "-machine", FALSE, take_machine },   { "-M", FALSE, take_machine },
	{ "-device", FALSE, take_device },     { "-append", FALSE, take_command_line },
	{ "-smp", FALSE, take_cpus },	       { "-accel", FALSE, take_accel },
	{ "-enable-kvm", TRUE, take_nothing }, { "-net", FALSE, take_network },
	{ "-nic", FALSE, take_network },
};

/* Takes the option at WORD, and its value if it has one. Returns how many words that was. */
static unsigned take_option(struct translation *translation, char **word)
{
	/* QEMU takes options with one dash and with two. */
	const char *name = g_str_has_prefix(*word, "--") ? *word + 1 : *word;

	for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
		if (!g_str_equal(name, options[i].name) || (!options[i].alone && !word[1]))
			continue;
		options[i].take(translation, options[i].alone ? NULL : word[1]);
		return options[i].alone ? 1 : 2;
	}
	if (word[1] && *word[1] != '-')
		lacks(translation, "%s %s", name, word[1]);
	else
		lacks(translation, "%s", name);
	return 1;
}

/* ---- the whole ---- */

GPtrArray *native_translate(const struct vm_machine *machine, char **problem)
{
	struct translation translation = {
		.options = g_ptr_array_new_with_free_func(g_free),
		.cpu = g_string_new(NULL),
		.hyperv = g_string_new(NULL),
	};
	g_autofree char *memory = g_strdup_printf("%u", machine->memory_mib);
	g_autofree char *cpus = g_strdup_printf("%u", machine->smp);

	/* If an option comes twice, the last one counts. */
	add(&translation, "--memory", memory);
	add(&translation, "--cpus", cpus);
	if (machine->type)
		take_machine(&translation, machine->type);
	for (char **word = machine->arguments; word && *word && !translation.problem;)
		word += take_option(&translation, word);
	if (machine->firmware != FIRMWARE_USUAL)
		lacks(&translation, "UEFI firmware");
	if (machine->disk)
		lacks(&translation, "disk");
	if (translation.cpu->len)
		add(&translation, "--cpu", translation.cpu->str);
	if (translation.hyperv->len)
		add(&translation, "--hyperv", translation.hyperv->str);
	g_string_free(translation.cpu, TRUE);
	g_string_free(translation.hyperv, TRUE);
	*problem = translation.problem;
	if (*problem)
		g_clear_pointer(&translation.options, g_ptr_array_unref);
	return translation.options;
}

char *native_lacks(const struct vm_machine *machine)
{
	char *problem;
	GPtrArray *words = native_translate(machine, &problem);

	if (words)
		g_ptr_array_unref(words);
	return problem;
}

/* Adds the options for what the VMM does by itself under this plan. */
static void add_habit(GPtrArray *arguments, const struct vm_machine *machine)
{
	static const struct {
		const char *option, *value;
	} habits[] = {
		[HABIT_NONE] = { NULL, NULL },
		[HABIT_CYCLE_AT_EXITS] = { "--cycle", "exit" },
		[HABIT_CYCLE_AT_RANDOM] = { "--cycle", "kick" },
		[HABIT_CYCLE_BY_REVERT] = { "--cycle", "revert" },
		[HABIT_CARRY_BY_LOG] = { "--carry", "log" },
		[HABIT_CARRY_BY_RING] = { "--carry", "ring" },
	};
	const char *option = habits[machine->habit].option;

	if (!option)
		return;
	g_ptr_array_add(arguments, g_strdup(option));
	g_ptr_array_add(arguments, g_strdup(habits[machine->habit].value));
	g_ptr_array_add(arguments, g_strdup("--seed"));
	g_ptr_array_add(arguments, g_strdup_printf("%u", machine->seed));
}

static GPtrArray *command_line(const struct vm_config *config, const char *runner_word)
{
	const struct vm_machine *machine = &config->machine;
	g_autofree char *problem = NULL;
	GPtrArray *arguments = native_translate(machine, &problem);

	/* Cases whose machine lacks something are skipped. */
	g_assert(arguments);
	g_ptr_array_insert(arguments, 0, g_strdup(config->endpoint.binary));
	if (machine->command_line) {
		g_ptr_array_add(arguments, g_strdup("--append"));
		g_ptr_array_add(arguments, g_strdup_printf("%s%s%s", machine->command_line,
							   runner_word ? " " : "",
							   runner_word ? runner_word : ""));
	}
	add_habit(arguments, machine);
	return arguments;
}

GPtrArray *native_command_line(const struct vm_config *config)
{
	GPtrArray *arguments = command_line(config, config->machine.runner_word);

	g_ptr_array_add(arguments, g_strdup("--control"));
	g_ptr_array_add(arguments, g_strdup_printf("%d", NATIVE_CONTROL_FD));
	if (config->endpoint.restore) {
		g_ptr_array_add(arguments, g_strdup("--restore-fd"));
		g_ptr_array_add(arguments, g_strdup_printf("%d", NATIVE_RESTORE_FD));
	}
	g_ptr_array_add(arguments, g_strdup(config->machine.file));
	g_ptr_array_add(arguments, NULL);
	return arguments;
}

gboolean native_write_command(const struct vm_config *config, GError **error)
{
	g_autoptr(GPtrArray) arguments = command_line(config, NULL);

	g_ptr_array_add(arguments, g_strdup(config->machine.file));
	return vm_write_command(config, arguments, error);
}
