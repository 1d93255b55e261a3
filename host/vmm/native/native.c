// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The native VMM: one process of ferry-vmm for each VM (docs/native-vmm.md), with its console on
 * stdin and stdout, and its control protocol on an inherited socket.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite/settings.h"
#include "util/child.h"
#include "util/paths.h"
#include "util/text.h"
#include "vmm/activity.h"
#include "vmm/native/native.h"
#include "vmm/native/words.h"

void native_break(struct native *native, const char *problem)
{
	if (native->broken)
		return;
	native->broken = TRUE;
	native->listener->broken(native->owner, &native->vm, problem);
}

/* ---- what it says ---- */

static void on_hello(void *data, const char *version, gboolean clocks_stop)
{
	struct native *native = data;

	native->exit.started = TRUE;
	native->vm.clocks_stop = clocks_stop;
	native->listener->version(native->owner, &native->vm, version);
}

static void on_event(void *data, const char *name)
{
	struct native *native = data;

	if (g_str_equal(name, "ready"))
		native->listener->ready(native->owner, &native->vm);
	else if (g_str_equal(name, "reset"))
		native->exit.reset = TRUE;
}

static void on_failed(void *data, const char *text)
{
	struct native *native = data;

	g_free(native->failure);
	native->failure = g_strdup(text);
	native_expect_end(native);
}

static void on_figures(void *data, GHashTable *values)
{
	struct native *native = data;

	native->listener->figures(native->owner, &native->vm, values);
}

static void on_broken(void *data, const char *problem)
{
	native_break(data, problem);
}

static const struct native_channel_listener channel_listener = {
	.hello = on_hello,
	.event = on_event,
	.failed = on_failed,
	.figures = on_figures,
	.broken = on_broken,
};

/* ---- a VM ---- */

static void deliver(void *data, const char *bytes, gsize length)
{
	struct native *native = data;

	native->listener->output(native->owner, &native->vm, bytes, length);
}

static void native_send(struct vm *vm, const char *bytes, gsize length)
{
	struct native *native = (struct native *)vm;

	if (!vm_console_send(&native->console, bytes, length))
		native_break(native, "ferry-vmm does not take the guest's console input");
}

static gint64 native_activity(struct vm *vm)
{
	return vm_activity(((struct native *)vm)->pid);
}

static void native_give_to(struct vm *vm, void *owner)
{
	((struct native *)vm)->owner = owner;
}

static void release(struct native *native)
{
	if (native->channel)
		native_channel_free(native->channel);
	vm_console_close(&native->console);
	vm_stderr_clear(&native->words);
	g_free(native->exit.stderr_end);
	g_free(native->failure);
	g_free(native);
}

static struct vm *native_start(const struct vm_config *config, const struct vm_listener *listener,
			       void *owner, GError **error)
{
	struct vm_console console = { .deliver = deliver, .gather_ms = config->tuning.gather_ms };
	int control[2], input, output;
	struct native *native;
	gboolean started;

	if (!vm_console_make_with_control(&console, &input, &output, control)) {
		g_set_error(error, FERRY_ERROR, 0, "cannot make sockets for ferry-vmm: %s",
			    g_strerror(errno));
		return NULL;
	}
	native = g_new0(struct native, 1);
	native->vm.vmm = &native_vmm;
	native->listener = listener;
	native->owner = owner;
	native->reply_seconds = config->tuning.reply_seconds;
	native->console = console;
	native->console.data = native;
	native->console.held = config->endpoint.restore != 0;
	started = native_spawn(native, config, input, output, control[1], error);
	close(input);
	close(output);
	close(control[1]);
	if (!started) {
		close(control[0]);
		release(native);
		return NULL;
	}
	native->child_watch = g_child_watch_add(native->pid, native_on_process_end, native);
	native->channel =
		native_channel_new(control[0], config->endpoint.transcript, config->endpoint.label,
				   config->tuning.reply_seconds, &channel_listener, native);
	if (!native->console.held)
		vm_console_watch(&native->console);
	return &native->vm;
}

static void native_free(struct vm *vm)
{
	struct native *native = (struct native *)vm;

	if (native->end_deadline)
		g_source_remove(native->end_deadline);
	if (native->pid) {
		g_source_remove(native->child_watch);
		child_end(native->pid);
	}
	release(native);
}

/* ---- the program ---- */

/* The one that the user names, or the one that was built with this runner. */
static gboolean find_programs(struct vmm_programs *programs, const struct settings *wanted,
			      GError **error)
{
	const char *named = wanted->ferry_vmm;
	g_autofree char *built = build_path("ferry-vmm");

	/* The path has a slash, so it is not looked for in $PATH. */
	programs->binary =
		named ? g_find_program_in_path(named) : g_canonicalize_filename(built, NULL);
	if (programs->binary && g_file_test(programs->binary, G_FILE_TEST_IS_EXECUTABLE))
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0, "there is no program '%s', which is the native VMM; %s",
		    named ? named : built,
		    named ? "correct --ferry-vmm or $FERRY_VMM" : "run make");
	return FALSE;
}

const struct vmm native_vmm = {
	.name = "native",
	.kvm_alone = TRUE,
	.transcript = "control",
	.lab_files = "ferry-vmm",
	.capabilities = VMM_CAN_PAUSE | VMM_CAN_CYCLE | VMM_CAN_FILE | VMM_CAN_FORK |
			VMM_CAN_RESET | VMM_CAN_CARRY,
	.find_programs = find_programs,
	.lacks = native_lacks,
	.start = native_start,
	.send = native_send,
	.give_to = native_give_to,
	.release_output = native_release_output,
	.pause = native_pause,
	.cycle = native_cycle,
	.carry = native_carry,
	.reset = native_reset,
	.save = native_save,
	.restore = native_restore,
	.activity = native_activity,
	.quit = native_quit,
	.kill = native_kill,
	.free = native_free,
};
