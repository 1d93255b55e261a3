// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks a QEMU for what its migrations need: `migrate-set-capabilities` and
 * `migrate-set-parameters` (QEMU's qapi/migration.json).
 */
#include "vmm/qemu/action.h"
#include "vmm/qemu/capability.h"

/* More than one, and not QEMU's default. */
#define MULTIFD_CHANNELS 3

/* Auto-converge looks at periods of a second. With this trigger any write is too much. */
#define THROTTLE_TRIGGER_PERCENT 1
#define THROTTLE_INITIAL_PERCENT 40
#define THROTTLE_MOST_PERCENT	 80

static void set_capability(struct qemu *qemu, const char *name, gboolean state,
			   qmp_reply_function reply)
{
	JsonObject *arguments = json_object_new(), *capability = json_object_new();
	JsonArray *list = json_array_new();

	json_object_set_string_member(capability, "capability", name);
	json_object_set_boolean_member(capability, "state", state);
	json_array_add_object_element(list, capability);
	json_object_set_array_member(arguments, "capabilities", list);
	qmp_execute(qemu->qmp, "migrate-set-capabilities", arguments, reply, qemu);
}

static void set_postcopy(struct qemu *qemu, gboolean state, qmp_reply_function reply)
{
	qemu->postcopy = state;
	set_capability(qemu, "postcopy-ram", state, reply);
}

static void ask_for_options(struct qemu *qemu, qmp_reply_function reply)
{
	static const struct {
		unsigned option;
		const char *name;
	} capabilities[] = {
		{ OPTION_MULTIFD, "multifd" },		{ OPTION_XBZRLE, "xbzrle" },
		{ OPTION_COMPRESS, "compress" },	{ OPTION_AUTO_CONVERGE, "auto-converge" },
		{ OPTION_PREEMPT, "postcopy-preempt" }, { OPTION_RELEASE_RAM, "release-ram" },
	};
	JsonObject *parameters;

	for (gsize i = 0; i < G_N_ELEMENTS(capabilities); i++)
		if (qemu->options & capabilities[i].option)
			set_capability(qemu, capabilities[i].name, TRUE, reply);
	if (!(qemu->options & (OPTION_MULTIFD | OPTION_AUTO_CONVERGE)))
		return;
	parameters = json_object_new();
	if (qemu->options & OPTION_MULTIFD)
		json_object_set_int_member(parameters, "multifd-channels", MULTIFD_CHANNELS);
	if (qemu->options & OPTION_ZLIB)
		json_object_set_string_member(parameters, "multifd-compression", "zlib");
	if (qemu->options & OPTION_AUTO_CONVERGE) {
		json_object_set_int_member(parameters, "throttle-trigger-threshold",
					   THROTTLE_TRIGGER_PERCENT);
		json_object_set_int_member(parameters, "cpu-throttle-initial",
					   THROTTLE_INITIAL_PERCENT);
		json_object_set_int_member(parameters, "max-cpu-throttle", THROTTLE_MOST_PERCENT);
	}
	qmp_execute(qemu->qmp, "migrate-set-parameters", parameters, reply, qemu);
}

static void on_setup_reply(void *data, JsonNode *value, const char *problem)
{
	if (problem)
		qemu_break(data, problem);
}

static void on_use_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem)
		qemu->listener->unable(qemu->owner, &qemu->vm, problem);
}

void qemu_ask_capabilities(struct qemu *qemu)
{
	set_capability(qemu, "events", TRUE, on_setup_reply);
	/* QEMU asks the kernel whether it can do this. */
	if (qemu->uses & VMM_CAN_MIGRATE_POSTCOPY)
		set_postcopy(qemu, TRUE, on_use_reply);
	if (qemu->uses & VMM_CAN_SAVE_RUNNING)
		set_capability(qemu, "background-snapshot", TRUE, on_use_reply);
	ask_for_options(qemu, on_use_reply);
}

void qemu_want_postcopy(struct qemu *qemu, gboolean wanted)
{
	if (qemu->postcopy != wanted)
		set_postcopy(qemu, wanted, qemu_action_on_reply);
}

void qemu_want_switchover_pause(struct qemu *qemu, gboolean wanted)
{
	set_capability(qemu, "pause-before-switchover", wanted, qemu_action_on_reply);
}
