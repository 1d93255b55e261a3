// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VMM "qemu": each VM is a QEMU process. The guest's console is on QEMU's stdin and stdout
 * (vmm/console.h). QEMU's monitor is on a socket that QEMU inherits (monitor.c, qmp.c). This file
 * starts and frees a VM, and has the table of what the runner may ask of it (vmm/vmm.h).
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/child.h"
#include "util/text.h"
#include "vmm/activity.h"
#include "vmm/qemu/channel.h"
#include "vmm/qemu/command-line.h"
#include "vmm/qemu/machine.h"
#include "vmm/qemu/preforked.h"
#include "vmm/qemu/qemu.h"
#include "vmm/qemu/uefi.h"

#define DEFAULT_PROGRAM "qemu-system-x86_64"

static void release(struct qemu *qemu)
{
	if (qemu->qmp)
		qmp_free(qemu->qmp);
	vm_console_close(&qemu->console);
	g_free(qemu->exit.stderr_end);
	vm_stderr_clear(&qemu->words);
	g_free(qemu->migration_status);
	qemu_channel_drop(qemu);
	g_free(qemu->port);
	g_free(qemu->incoming);
	g_free(qemu);
}

static void deliver(void *data, const char *bytes, gsize length)
{
	struct qemu *qemu = data;

	qemu->listener->output(qemu->owner, &qemu->vm, bytes, length);
}

static void qemu_send(struct vm *vm, const char *bytes, gsize length)
{
	struct qemu *qemu = (struct qemu *)vm;

	if (!vm_console_send(&qemu->console, bytes, length))
		qemu_break(qemu, "QEMU does not take the guest's console input");
}

static gint64 qemu_activity(struct vm *vm)
{
	return vm_activity(((struct qemu *)vm)->pid);
}

static struct vm *qemu_start(const struct vm_config *config, const struct vm_listener *listener,
			     void *owner, GError **error)
{
	struct vm_console console = { .deliver = deliver, .gather_ms = config->tuning.gather_ms };
	int monitor[2], input, output;
	struct qemu *qemu;

	if (!vm_console_make_with_control(&console, &input, &output, monitor)) {
		g_set_error(error, FERRY_ERROR, 0, "cannot make sockets for QEMU: %s",
			    g_strerror(errno));
		return NULL;
	}
	qemu = g_new0(struct qemu, 1);
	qemu->console = console;
	qemu->console.data = qemu;
	qemu->vm.vmm = &qemu_vmm;
	qemu->listener = listener;
	qemu->owner = owner;
	qemu->reply_seconds = config->tuning.reply_seconds;
	qemu->incoming = g_strdup(config->endpoint.incoming);
	qemu->uses = config->machine.uses;
	qemu->images = config->endpoint.images;
	qemu->starts_stopped = qemu_starts_stopped(config);
	qemu->waits = qemu_waits_for_migration(config);
	qemu->options = config->machine.options;
	qemu->restores = config->endpoint.restore != 0;
	qemu->console.held = qemu->incoming || qemu->restores;
	if (qemu->console.held && !config->endpoint.postcopy)
		qemu->uses &= ~VMM_CAN_MIGRATE_POSTCOPY;
	qemu->high_priority = config->tuning.high_priority && qemu->console.held;
	if (!qemu_channel_make(qemu, error) ||
	    !qemu_spawn(qemu, config, input, output, monitor[1], error)) {
		close(input);
		close(output);
		close(monitor[0]);
		close(monitor[1]);
		release(qemu);
		return NULL;
	}
	close(input);
	close(output);
	close(monitor[1]);
	qemu->child_watch = g_child_watch_add(qemu->pid, qemu_on_process_end, qemu);
	qemu->qmp = qmp_new(monitor[0], config->endpoint.transcript, config->endpoint.label,
			    config->tuning.reply_seconds, &qemu_monitor_listener, qemu);
	if (!qemu->console.held)
		vm_console_watch(&qemu->console);
	return &qemu->vm;
}

static void qemu_free(struct vm *vm)
{
	struct qemu *qemu = (struct qemu *)vm;

	qemu_action_forget(qemu);
	if (qemu->quit_deadline)
		g_source_remove(qemu->quit_deadline);
	if (qemu->pid) {
		g_source_remove(qemu->child_watch);
		child_end(qemu->pid);
	}
	release(qemu);
}

static void qemu_give_to(struct vm *vm, void *owner)
{
	struct qemu *qemu = (struct qemu *)vm;

	qemu->owner = owner;
}

static gboolean find_programs(struct vmm_programs *programs, const struct settings *wanted,
			      GError **error)
{
	const char *name = wanted->qemu ? wanted->qemu : DEFAULT_PROGRAM;

	programs->binary = g_find_program_in_path(name);
	if (!programs->binary) {
		g_set_error(
			error, FERRY_ERROR, 0,
			"there is no program '%s'; install QEMU (scripts/packages) or name it with --qemu or $QEMU",
			name);
		return FALSE;
	}
	if (firmware_of(wanted->firmware) != FIRMWARE_USUAL &&
	    !uefi_find(firmware_of(wanted->firmware), error)) {
		g_prefix_error(error, "--firmware %s: ", wanted->firmware);
		return FALSE;
	}
	if (wanted->qemu_dst) {
		programs->other_binary = g_find_program_in_path(wanted->qemu_dst);
		if (!programs->other_binary) {
			g_set_error(error, FERRY_ERROR, 0, "--qemu-dst: there is no program '%s'",
				    wanted->qemu_dst);
			return FALSE;
		}
	}
	return qemu_choose_machine_types(&programs->types, wanted->machine, programs->binary,
					 programs->other_binary, error);
}

const struct vmm qemu_vmm = {
	.name = "qemu",
	.transcript = "qmp",
	.binary_option = "--qemu",
	.other_binary_option = "--qemu-dst",
	.lab_files = "qemu",
	.is_qemu = TRUE,
	.capabilities = VMM_CAN_PAUSE | VMM_CAN_MIGRATE | VMM_CAN_RESET | VMM_CAN_MIGRATE_POSTCOPY |
			VMM_CAN_SAVE | VMM_CAN_BREAK_MIGRATION | VMM_CAN_SAVE_RUNNING |
			VMM_CAN_RECOVER_POSTCOPY,
	.options = OPTION_MULTIFD | OPTION_XBZRLE | OPTION_COMPRESS | OPTION_AUTO_CONVERGE |
		   OPTION_DIRTY_RING | OPTION_HUGE_PAGES | OPTION_MEMFD | OPTION_TCP | OPTION_EXEC |
		   OPTION_FILE | OPTION_DELAY | OPTION_NO_RANDOM | OPTION_DISK_ERROR |
		   OPTION_PREEMPT | OPTION_RELEASE_RAM | OPTION_ZLIB | OPTION_LATE | OPTION_PEEK,
	.find_programs = find_programs,
	.end = preforked_end,
	.start = qemu_start,
	.send = qemu_send,
	.give_to = qemu_give_to,
	.release_output = qemu_release_output,
	.pause = qemu_pause,
	.migrate = qemu_migrate,
	.break_migration = qemu_break_migration,
	.reset = qemu_reset,
	.save = qemu_save,
	.restore = qemu_restore,
	.wake = qemu_wake,
	.activity = qemu_activity,
	.quit = qemu_quit,
	.kill = qemu_kill,
	.free = qemu_free,
};
