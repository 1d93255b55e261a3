// SPDX-License-Identifier: GPL-2.0-or-later
/* Resets of a QEMU's machine: `system_reset` and `set-action` of the QMP reference. */
#include "vmm/qemu/action.h"

struct reset {
	struct qemu_action base;
	gboolean was_reset;
	gboolean reboot_forbidden; /* again, after the order to reset */
};

static void too_late(struct qemu_action *action)
{
	qemu_action_fail(action, "QEMU did not reset the machine in time");
}

static const struct qemu_action_kind reset_kind = {
	.size = sizeof(struct reset),
	.too_late = too_late,
};

static void finish_if_done(struct reset *reset)
{
	struct action_stats stats = { 0 };

	if (!reset->was_reset || !reset->reboot_forbidden)
		return;
	qemu_action_take_time(&reset->base, &stats);
	qemu_action_finish(&reset->base, &stats, NULL);
}

void qemu_reset_done(struct qemu *qemu)
{
	struct reset *reset = qemu_action_of(qemu, &reset_kind);

	if (!reset)
		return;
	reset->was_reset = TRUE;
	finish_if_done(reset);
}

static void set_reboot_action(struct qemu *qemu, const char *action, qmp_reply_function reply)
{
	JsonObject *arguments = json_object_new();

	json_object_set_string_member(arguments, "reboot", action);
	qmp_execute(qemu->qmp, "set-action", arguments, reply, qemu);
}

static void on_reset_reply(void *data, JsonNode *value, const char *problem)
{
	struct reset *reset = qemu_action_of(data, &reset_kind);

	if (problem && reset)
		qemu_action_fail(&reset->base, "%s", problem);
}

static void on_reboot_forbidden(void *data, JsonNode *value, const char *problem)
{
	struct reset *reset = qemu_action_of(data, &reset_kind);

	if (!reset)
		return;
	if (problem) {
		qemu_action_fail(&reset->base, "%s", problem);
		return;
	}
	reset->reboot_forbidden = TRUE;
	finish_if_done(reset);
}

static void on_reboot_allowed(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct reset *reset = qemu_action_of(qemu, &reset_kind);

	if (!reset)
		return;
	if (problem) {
		qemu_action_fail(&reset->base,
				 "%s; plan reset needs a QEMU that has it (--qemu BINARY)",
				 problem);
		return;
	}
	qmp_execute(qemu->qmp, "system_reset", NULL, on_reset_reply, qemu);
	set_reboot_action(qemu, "shutdown", on_reboot_forbidden);
}

/*
 * QEMU runs with --no-reboot, so it would end instead of resetting the machine. It looks at this
 * option when it is asked for the reset, and not when it carries the reset out
 * (qemu_system_reset_request()), so a reboot is forbidden again at once.
 */
void qemu_reset(struct vm *vm, action_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct reset *reset = qemu_action_begin(&reset_kind, qemu, NULL, done, data);

	qemu_action_set_deadline(&reset->base, qemu->reply_seconds);
	set_reboot_action(qemu, "reset", on_reboot_allowed);
}
