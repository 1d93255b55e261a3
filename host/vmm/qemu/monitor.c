// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts a QEMU's monitor and handles its events (QMP reference; the events of migrations are in
 * QEMU's qapi/migration.json).
 */
#include "util/child.h"
#include "vmm/qemu/capability.h"
#include "vmm/qemu/channel.h"
#include "vmm/qemu/command-line.h"
#include "vmm/qemu/migrate.h"

/*
 * QEMU 6.0 has all that Ferry uses: events of migration passes, -machine q35 with qboot, `-chardev
 * socket,fd=`, set-action.
 */
#define OLDEST_MAJOR 6
/*
 * QEMU 11 and later refuse "fd:" for files. QEMU 8.2 and later have "file:", but Ferry was tried
 * with it only on 10 and later.
 */
#define FIRST_TO_OPEN_FILES 10

/* Since 9.0 a guest that Ferry has stopped for a background snapshot stays stopped (save.c). */
#define FIRST_TO_LEAVE_STOPPED 9

void qemu_break(struct qemu *qemu, const char *problem)
{
	if (qemu->broken)
		return;
	qemu->broken = TRUE;
	qemu->listener->broken(qemu->owner, &qemu->vm, problem);
}

void qemu_become_ready(struct qemu *qemu)
{
	if (qemu->high_priority)
		child_take_turns(qemu->pid);
	qemu->listener->ready(qemu->owner, &qemu->vm);
}

static void on_incoming_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem)
		qemu_break(qemu, problem);
	else
		qemu_become_ready(qemu);
}

static void on_setup_reply(void *data, JsonNode *value, const char *problem)
{
	if (problem)
		qemu_break(data, problem);
}

static void negotiate(struct qemu *qemu)
{
	JsonObject *arguments = NULL;
	JsonArray *wanted;

	if (qemu->uses & VMM_CAN_RECOVER_POSTCOPY) {
		wanted = json_array_new();
		json_array_add_string_element(wanted, "oob");
		arguments = json_object_new();
		json_object_set_array_member(arguments, "enable", wanted);
	}
	qmp_execute(qemu->qmp, "qmp_capabilities", arguments, on_setup_reply, qemu);
}

static void on_greeted(void *data, const char *version, int major, int minor)
{
	struct qemu *qemu = data;
	JsonObject *arguments;
	g_autofree char *uri = NULL;

	if (major < OLDEST_MAJOR) {
		g_autofree char *problem = g_strdup_printf(
			"QEMU %s is too old: Ferry needs %d.0 or newer (--qemu BINARY)", version,
			OLDEST_MAJOR);

		qemu_break(qemu, problem);
		return;
	}
	qemu->exit.started = TRUE;
	qemu->opens_files = major >= FIRST_TO_OPEN_FILES;
	qemu->listener->version(qemu->owner, &qemu->vm, version);
	negotiate(qemu);
	qemu_ask_capabilities(qemu);
	if (major >= FIRST_TO_LEAVE_STOPPED && qemu->uses & VMM_CAN_SAVE_RUNNING)
		qemu->listener->unable(
			qemu->owner, &qemu->vm,
			"since QEMU 9.0 a guest that was stopped stays stopped during a background snapshot");
	if (qemu->incoming) {
		qemu_channel_await_guest(qemu);
	} else if (qemu->restores) {
		arguments = json_object_new();
		uri = g_strdup_printf(qemu->opens_files ? "file:/proc/self/fd/%d" : "fd:%d",
				      RESTORE_FD);
		json_object_set_string_member(arguments, "uri", uri);
		qmp_execute(qemu->qmp, "migrate-incoming", arguments, on_incoming_reply, qemu);
	}
}

/*
 * While QEMU is told to reset the machine, a guest could reset itself and go on. Such a guest is
 * ended here, as it is at any other time.
 */
static void on_reset(struct qemu *qemu, JsonObject *details)
{
	JsonNode *by_guest = details ? json_object_get_member(details, "guest") : NULL;

	if (!by_guest || !JSON_NODE_HOLDS_VALUE(by_guest) || !json_node_get_boolean(by_guest)) {
		qemu_reset_done(qemu);
	} else if (!qemu->exit.reset) {
		qemu->exit.reset = TRUE;
		qemu_quit(&qemu->vm);
	}
}

/* QEMU stops a guest that KVM cannot run any further, but does not end. */
static void on_status(void *data, JsonNode *value, const char *problem)
{
	const char *status = value && JSON_NODE_HOLDS_OBJECT(value)
				     ? member_string(json_node_get_object(value), "status")
				     : NULL;

	if (!g_strcmp0(status, "internal-error") || !g_strcmp0(status, "io-error") ||
	    !g_strcmp0(status, "guest-panicked")) {
		g_autofree char *text = g_strdup_printf(
			"QEMU has stopped the guest (%s; its stderr says why)", status);

		qemu_break(data, text);
	}
}

static void on_event(void *data, const char *name, JsonObject *details, gint64 microseconds)
{
	struct qemu *qemu = data;

	if (g_str_equal(name, "STOP")) {
		qemu->stop_time = microseconds;
		if (!qemu->action)
			qmp_execute(qemu->qmp, "query-status", NULL, on_status, qemu);
	} else if (g_str_equal(name, "RESUME")) {
		qemu->resume_time = microseconds;
	} else if (g_str_equal(name, "MIGRATION")) {
		g_free(qemu->migration_status);
		qemu->migration_status = g_strdup(member_string(details, "status"));
		qemu->migration_time = microseconds;
		if (!has_status(qemu, "setup"))
			qemu_channel_drop(qemu);
	} else if (g_str_equal(name, "MIGRATION_PASS")) {
		qemu_migration_pass(qemu, member_number(details, "pass"), microseconds);
		return;
	} else if (g_str_equal(name, "RESET")) {
		on_reset(qemu, details);
		return;
	} else if (g_str_equal(name, "SHUTDOWN")) {
		/* --no-reboot turns a reset, and so a triple fault, into a shutdown. */
		if (!g_strcmp0(member_string(details, "reason"), "guest-reset"))
			qemu->exit.reset = TRUE;
		return;
	} else if (g_str_equal(name, "SUSPEND")) {
		qemu->listener->suspended(qemu->owner, &qemu->vm);
		return;
	} else {
		return;
	}
	qemu_action_progress(qemu);
}

/* QEMU refuses this if the machine is not suspended. Then something else has woken it. */
static void on_woken(void *data, JsonNode *value, const char *problem)
{
}

void qemu_wake(struct vm *vm)
{
	qmp_execute(((struct qemu *)vm)->qmp, "system_wakeup", NULL, on_woken, vm);
}

static void on_qmp_broken(void *data, const char *problem)
{
	qemu_break(data, problem);
}

const struct qmp_listener qemu_monitor_listener = {
	.greeted = on_greeted,
	.event = on_event,
	.broken = on_qmp_broken,
};
