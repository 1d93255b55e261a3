// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes the memory of a QEMU's guest to a file: `pmemsave` (QMP reference, "Machine").
 *
 * A PC has memory from 0 up to a hole for devices below 4 GiB. What does not fit there is at 4 GiB
 * and above. The machine decides where the hole begins, but not below 2 GiB (pc_q35_init() and
 * pc_init1() of QEMU). So no more than 2 GiB are written.
 */
#include "vmm/qemu/action.h"

#define MOST_BYTES (2ll << 30)

static void on_written(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem)
		ram_images_give_up(qemu->images, problem);
	if (qemu->action)
		qemu->ram_written(qemu);
}

static void on_size(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	JsonObject *arguments;
	gint64 size = 0;

	if (!problem && JSON_NODE_HOLDS_OBJECT(value))
		size = member_number(json_node_get_object(value), "base-memory");
	if (!problem && size <= 0)
		problem = "query-memory-size-summary answers with nonsense";
	if (problem) {
		on_written(qemu, NULL, problem);
		return;
	}
	arguments = json_object_new();
	json_object_set_int_member(arguments, "val", 0);
	json_object_set_int_member(arguments, "size", MIN(size, MOST_BYTES));
	json_object_set_string_member(arguments, "filename", qemu->ram_path);
	qmp_execute(qemu->qmp, "pmemsave", arguments, on_written, qemu);
}

void qemu_write_ram(struct qemu *qemu, const char *path, void (*written)(struct qemu *qemu))
{
	qemu->ram_path = path;
	qemu->ram_written = written;
	qmp_execute(qemu->qmp, "query-memory-size-summary", NULL, on_size, qemu);
}
