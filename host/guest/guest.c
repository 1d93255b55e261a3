// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest's life, the VMs that carry it, and what its console tells. Actions on it are in action.c
 * and in a file for each kind, and its questions in answers.c.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/internal.h"
#include "util/text.h"

/* A guest that writes more than this floods; the rest would only fill the disk. */
#define MOST_CONSOLE_BYTES (32 << 20)

void guest_fail(struct guest *guest, enum failure_kind kind, const char *format, ...)
{
	g_autofree char *problem = NULL;
	va_list arguments;

	if (guest->failed)
		return;
	guest->failed = TRUE;
	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	guest->listener->failed(guest->data, kind, problem);
}

/* ---- what the console tells ---- */

static void on_human(void *data, enum human_line kind, const char *text, unsigned number)
{
	struct guest *guest = data;

	guest->listener->human(guest->data, kind, text, number);
}

static void on_sentence(void *data, enum sentence sentence)
{
	struct guest *guest = data;

	guest->listener->sentence(guest->data, sentence);
}

/* A new boot: questions of the boot before it are never answered. */
static void on_hello(struct guest *guest, const struct machine_line *line)
{
	struct guest_action *action = guest->action;

	guest->boots++;
	guest->firmware_us += guest_in_firmware_us(guest);
	guest->firmware_since = 0;
	guest_forget_questions(guest);
	guest_suspend_forget(guest);
	guest->actions = 0;
	guest->restores = 0;
	guest->pause_min_ns = guest->pause_max_ns = 0;
	guest->listener->machine(guest->data, line);
	/* If the listener has begun another action, that one does not wait for this boot. */
	if (action && action == guest->action && action->kind->booted)
		action->kind->booted(guest, action);
}

static void on_machine(void *data, const struct machine_line *line)
{
	struct guest *guest = data;

	if (g_str_equal(line->verb, "ask")) {
		guest_on_question(guest, line);
	} else if (g_str_equal(line->verb, "got")) {
		if (guest->unread_answers)
			guest->unread_answers--;
		guest_begin_action_when_ready(guest);
	} else if (g_str_equal(line->verb, "hello")) {
		on_hello(guest, line);
	} else {
		if (g_str_equal(line->verb, "mark"))
			guest_suspend_mark(guest, line);
		guest->listener->machine(guest->data, line);
	}
}

static void on_violation(void *data, const char *problem)
{
	struct guest *guest = data;

	guest->listener->violation(guest->data, problem);
}

static void on_line(void *data, const char *bytes, gsize length, unsigned number)
{
	struct guest *guest = data;

	if (guest->listener->line)
		guest->listener->line(guest->data, bytes, length, number);
}

const struct console_listener guest_console_listener = {
	.line = on_line,
	.human = on_human,
	.sentence = on_sentence,
	.machine = on_machine,
	.violation = on_violation,
};

/* ---- what VMs tell ---- */

static void on_version(void *owner, struct vm *vm, const char *version)
{
	struct guest *guest = owner;

	guest->vmm_started = TRUE;
	guest->listener->version(guest->data, version);
}

static void on_output(void *owner, struct vm *vm, const char *bytes, gsize length)
{
	struct guest *guest = owner;

	if (guest->failed)
		return;
	log_file_write(guest->console_log, bytes, length);
	console_feed(guest->console, bytes, length);
	if (console_bytes(guest->console) > MOST_CONSOLE_BYTES)
		guest_fail(guest, KIND_GUEST_END, "the guest floods its console: more than %d MiB",
			   MOST_CONSOLE_BYTES >> 20);
	else if (guest_log_problem(guest))
		guest_fail(guest, KIND_RUNNER, "%s", guest_log_problem(guest));
}

static void on_figures(void *owner, struct vm *vm, GHashTable *values)
{
	struct guest *guest = owner;

	guest->listener->figures(guest->data, values);
}

static void on_stands_still(void *owner, struct vm *vm)
{
	struct guest *guest = owner;

	guest->listener->stands_still(guest->data);
}

static void on_suspended(void *owner, struct vm *vm)
{
	struct guest *guest = owner;

	/* A source that is left, or a destination, tells nothing new. */
	if (vm == guest->vm && !guest->failed)
		guest_suspended(guest);
}

static void on_ready(void *owner, struct vm *vm)
{
	struct guest *guest = owner;

	guest->destination_ready = TRUE;
	if (guest->action && guest->action->kind->destination_ready)
		guest->action->kind->destination_ready(guest, guest->action);
	else
		guest_begin_action_when_ready(guest);
}

static void tell_end_when_all_ended(struct guest *guest)
{
	if (!guest->ended || guest->retired->len || guest->failed)
		return;
	console_end(guest->console);
	guest->listener->ended(guest->data, &guest->exit);
}

static void on_retired_exit(struct guest *guest, struct vm *vm, const struct vm_exit *exit)
{
	g_autofree char *death = NULL;

	if (!exit->ordered && (WIFSIGNALED(exit->wait_status) || WEXITSTATUS(exit->wait_status))) {
		death = vm_exit_describe(exit);
		guest_fail(guest, KIND_VMM,
			   "after the guest had left it, the source died instead of quitting (%s)",
			   death);
	}
	guest->vmm->free(vm);
	if (guest->retired->len || !guest->action || !guest->action->kind->sources_ended ||
	    !guest->action->kind->sources_ended(guest, guest->action))
		tell_end_when_all_ended(guest);
}

/* If the guest has ended, its destination may end, too. */
static void on_destination_exit(struct guest *guest, const struct vm_exit *exit)
{
	const char *what = guest->action ? guest->action->kind->destination_died : NULL;
	g_autofree char *death = vm_exit_describe(exit);

	if (!guest->ended && !exit->ordered && exit->differs)
		guest_fail(guest, KIND_HOST_CHECK, RESTORE_DIFFERS, exit->stderr_end);
	else if (!guest->ended && !exit->ordered)
		guest_fail(guest, KIND_VMM, "%s (%s)", what ? what : "the destination died", death);
}

static void on_exited(void *owner, struct vm *vm, const struct vm_exit *exit)
{
	struct guest *guest = owner;

	if (g_ptr_array_remove(guest->retired, vm)) {
		on_retired_exit(guest, vm, exit);
	} else if (vm == guest->destination) {
		on_destination_exit(guest, exit);
	} else {
		guest->exit = *exit;
		guest->exit.stderr_end = g_strdup(exit->stderr_end);
		guest->vmm->free(vm);
		guest->vm = NULL;
		guest->ended = TRUE;
		tell_end_when_all_ended(guest);
	}
}

static void on_broken(void *owner, struct vm *vm, const char *problem)
{
	struct guest *guest = owner;
	const char *role = vm == guest->vm	      ? ""
			   : vm == guest->destination ? "destination: "
						      : "source: ";

	guest_fail(guest, guest->vmm_started ? KIND_VMM : KIND_VMM_START, "%s%s", role, problem);
}

static void on_unable(void *owner, struct vm *vm, const char *reason)
{
	struct guest *guest = owner;

	if (guest->failed)
		return;
	guest->failed = TRUE;
	guest->listener->unable(guest->data, reason);
}

static const struct vm_listener vm_listener = {
	.unable = on_unable,
	.version = on_version,
	.output = on_output,
	.ready = on_ready,
	.suspended = on_suspended,
	.figures = on_figures,
	.stands_still = on_stands_still,
	.exited = on_exited,
	.broken = on_broken,
};

struct vm *guest_start_vm(struct guest *guest, const char *incoming, int restore, gboolean postcopy,
			  GError **error)
{
	g_autofree char *label = g_strdup_printf("%u", ++guest->vms);
	gboolean first = !incoming && !restore;
	struct vm_config config = {
		.machine = guest->config.machine,
		.tuning = guest->config.tuning,
		.endpoint = {
			.binary = guest->config.binary,
			.label = label,
			.transcript = guest->transcript,
			.stderr_path = guest->stderr_path,
			.command_path = first ? guest->command_path : NULL,
			.incoming = incoming,
			.restore = restore,
			.postcopy = postcopy,
			.images = guest->config.images,
		},
	};

	/* The VMs of the guest run the two builds in turn. */
	if (guest->config.other_binary && !first && !guest->in_other)
		config.endpoint.binary = guest->config.other_binary;
	return guest->vmm->start(&config, &vm_listener, guest, error);
}

void guest_drop_socket(struct guest *guest)
{
	if (guest->socket_path)
		unlink(guest->socket_path);
	g_clear_pointer(&guest->socket_path, g_free);
}

void guest_adopt(struct guest *guest)
{
	guest->vm = g_steal_pointer(&guest->destination);
	guest->restores++;
	guest->in_other = guest->config.other_binary && !guest->in_other;
	guest->destination_ready = FALSE;
	guest_drop_socket(guest);
}

void guest_retire_vm(struct guest *guest)
{
	struct vm *vm = g_steal_pointer(&guest->vm);

	g_ptr_array_add(guest->retired, vm);
	guest->vmm->quit(vm);
}

/* ---- the guest's life ---- */

/* Guests of other suites do not say when firmware has ended. */
static gboolean has_uefi(const struct guest *guest)
{
	const struct vm_machine *machine = &guest->config.machine;

	return machine->firmware != FIRMWARE_USUAL && !machine->kvm_unit_test;
}

struct guest *guest_start(const struct guest_config *config, const struct guest_listener *listener,
			  void *data, GError **error)
{
	struct guest *guest = g_new0(struct guest, 1);
	const char *logdir = config->logdir;
	g_autofree char *transcript_path = g_build_filename(logdir, config->vmm->transcript, NULL);

	guest->vmm = config->vmm;
	guest->config = *config;
	guest->listener = listener;
	guest->data = data;
	guest->began = clock_ns(CLOCK_MONOTONIC);
	guest->socket_dir = g_strdup(config->socket_dir);
	guest->console_path = g_build_filename(logdir, "console", NULL);
	guest->stderr_path = g_build_filename(logdir, "stderr", NULL);
	guest->command_path = g_build_filename(logdir, "command", NULL);
	guest->retired = g_ptr_array_new();
	guest->questions = g_queue_new();
	guest->console = console_new(&guest_console_listener, guest);
	if (has_uefi(guest))
		guest_expect_boot(guest);

	unlink(guest->stderr_path); /* of an earlier run: VMs append to it */
	guest->console_log = log_file_create(guest->console_path, error);
	if (guest->console_log)
		guest->transcript = log_file_create(transcript_path, error);
	if (guest->transcript)
		guest->vm = guest_start_vm(guest, NULL, 0, FALSE, error);
	if (!guest->vm)
		g_clear_pointer(&guest, guest_free);
	return guest;
}

void guest_expect_boot(struct guest *guest)
{
	console_expect_boot(guest->console);
	if (has_uefi(guest))
		guest->firmware_since = g_get_monotonic_time();
}

gint64 guest_firmware_us(const struct guest *guest)
{
	return guest->firmware_us + guest_in_firmware_us(guest);
}

gint64 guest_in_firmware_us(const struct guest *guest)
{
	return guest->firmware_since ? g_get_monotonic_time() - guest->firmware_since : 0;
}

const struct console *guest_console(const struct guest *guest)
{
	return guest->console;
}

const char *guest_log_problem(const struct guest *guest)
{
	const char *problem = log_file_problem(guest->console_log);

	return problem || !guest->transcript ? problem : log_file_problem(guest->transcript);
}

gboolean guest_vmm_crashed(const struct guest *guest)
{
	for (guint i = 0; i < guest->retired->len; i++)
		if (((const struct vm *)guest->retired->pdata[i])->crashed)
			return TRUE;
	return (guest->vm && guest->vm->crashed) ||
	       (guest->destination && guest->destination->crashed);
}

const char *guest_waits_for(const struct guest *guest)
{
	if (guest->unread_answers)
		return "the guest has not read the runner's answer";
	if (guest_awaits_suspend(guest))
		return "the guest has not suspended its machine";
	if (guest_is_suspended(guest) && !guest->action)
		return "the guest has suspended its machine, and does not say that it is awake";
	return guest->action ? guest->action->kind->waits_for(guest, guest->action) : NULL;
}

gint64 guest_activity(const struct guest *guest)
{
	if (!guest->vm && guest->snapshot_source)
		return guest_activity(guest->snapshot_source);
	if (!guest->vm || guest->action || guest_is_suspended(guest) || !guest->vmm->activity)
		return -1;
	return guest->vmm->activity(guest->vm);
}

void guest_free(struct guest *guest)
{
	guest_suspend_forget(guest);
	if (guest->snapshot_source)
		guest_free(guest->snapshot_source);
	if (guest->vm)
		guest->vmm->free(guest->vm);
	if (guest->destination)
		guest->vmm->free(guest->destination);
	for (guint i = 0; i < guest->retired->len; i++)
		guest->vmm->free(guest->retired->pdata[i]);
	guest_drop_socket(guest);
	guest_free_action(guest);
	g_ptr_array_unref(guest->retired);
	guest_free_questions(guest);
	console_free(guest->console);
	if (guest->console_log)
		log_file_close(guest->console_log);
	if (guest->transcript)
		log_file_close(guest->transcript);
	g_free(guest->exit.stderr_end);
	g_free(guest->console_path);
	g_free(guest->stderr_path);
	g_free(guest->command_path);
	g_free(guest->socket_dir);
	g_free(guest);
}
