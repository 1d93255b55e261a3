// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be done to the guest of a ferry-vmm: requests of the control protocol
 * (docs/native-vmm.md). When a reply comes, all that the guest wrote before it is already in the
 * console's pipe.
 */
#include "vmm/native/native.h"

#define NS_PER_US 1000

static void begin(struct native *native, action_done_function done, void *data)
{
	native->action.done = done;
	native->action.data = data;
	native->action.stats = (struct action_stats){
		.started = g_get_real_time() * NS_PER_US,
		.clocks_run = !native->vm.clocks_stop,
	};
}

static void end(struct native *native, const char *problem)
{
	action_done_function done = native->action.done;
	struct action_stats stats = native->action.stats;

	native->action.done = NULL;
	stats.total_ns = g_get_real_time() * NS_PER_US - stats.started;
	done(native->action.data, problem ? NULL : &stats, problem);
}

static void take_figures(struct action_stats *stats, GHashTable *values)
{
	stats->passes = native_line_number(values, "passes");
	stats->pages_sent = native_line_number(values, "pages");
	stats->pages_in_ram = stats->pages_sent - native_line_number(values, "again");
	stats->bytes_left = native_line_number(values, "bytes_left");
	stats->bytes = native_line_number(values, "bytes");
	stats->pause_min_ns = native_line_number(values, "stopped_ns");
	stats->pause_max_ns = stats->pause_min_ns;
}

void native_action_died(struct native *native)
{
	g_autofree char *death = vm_exit_describe(&native->exit);
	g_autofree char *problem =
		g_strdup_printf("ferry-vmm died in the middle of an action (%s)", death);

	end(native, problem);
}

/* The reply ends the action. */
static void on_done(void *data, GHashTable *values, const char *problem)
{
	struct native *native = data;

	if (!native->action.done)
		return;
	if (!problem)
		take_figures(&native->action.stats, values);
	end(native, problem);
}

void native_pause(struct vm *vm, gint64 microseconds, action_done_function done, void *data)
{
	struct native *native = (struct native *)vm;
	g_autofree char *request = g_strdup_printf("pause us=%" G_GINT64_FORMAT, microseconds);

	begin(native, done, data);
	native_channel_ask(native->channel, request, -1, on_done, native);
}

void native_cycle(struct vm *vm, unsigned count, action_done_function done, void *data)
{
	struct native *native = (struct native *)vm;
	g_autofree char *request = g_strdup_printf("cycle count=%u", count);

	begin(native, done, data);
	native_channel_ask(native->channel, request, -1, on_done, native);
}

void native_carry(struct vm *vm, action_done_function done, void *data)
{
	struct native *native = (struct native *)vm;

	begin(native, done, data);
	native_channel_ask(native->channel, "carry", -1, on_done, native);
}

void native_reset(struct vm *vm, action_done_function done, void *data)
{
	struct native *native = (struct native *)vm;

	begin(native, done, data);
	native_channel_ask(native->channel, "reset", -1, on_done, native);
}

/* ---- save and restore ---- */

static void on_cycled(void *data, GHashTable *values, const char *problem)
{
	struct native *native = data;

	if (!native->action.done)
		return;
	if (problem)
		end(native, problem);
	else
		native_channel_ask(native->channel, "go", -1, on_done, native);
}

/*
 * The guest stands still, and all of it is in the file. If the guest goes on here, too, it does so
 * in a new VM, just as the copy in the file does.
 */
static void on_saved(void *data, GHashTable *values, const char *problem)
{
	struct native *native = data;
	gboolean running = native->action.running;

	if (!native->action.done)
		return;
	if (!problem)
		native->action.stats.saved_at = g_get_real_time() * NS_PER_US;
	vm_console_drain(&native->console);
	if (problem || !running) {
		end(native, problem);
		return;
	}
	vm_console_hold(&native->console);
	native->listener->stands_still(native->owner, &native->vm);
	native_channel_ask(native->channel, "cycle count=1", -1, on_cycled, native);
}

void native_save(struct vm *vm, int file, const char *path, gboolean running,
		 action_done_function done, void *data)
{
	struct native *native = (struct native *)vm;

	begin(native, done, data);
	native->action.running = running;
	native_channel_ask(native->channel, "save", file, on_saved, native);
}

static void on_restored(void *data, GHashTable *values, const char *problem)
{
	struct native *native = data;

	native->action.stats.restored_at = g_get_real_time() * NS_PER_US;
	on_done(data, values, problem);
}

void native_restore(struct vm *vm, action_done_function done, void *data)
{
	struct native *native = (struct native *)vm;

	begin(native, done, data);
	native_channel_ask(native->channel, "go", -1, on_restored, native);
}
