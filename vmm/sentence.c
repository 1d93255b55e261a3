// SPDX-License-Identifier: GPL-2.0-or-later
/* See sentence.h. */
#include <string.h>

#include "device.h"
#include "machine.h"
#include "sentence.h"

/* Longer than any request. */
#define LONGEST_LINE 256

static const char *const requests[] = {
	"Now migrate the VM",
	"Begin continuous migration",
	"End continuous migration",
	"Skipped VM migration",
};

/* This is saved with the guest: the process that saves it may have seen the guest's request. */
static struct {
	char line[LONGEST_LINE + 1];
	uint32_t length;
	/*
	 * A vCPU's thread raises it. The director reads and clears it while that vCPU stands still.
	 */
	uint32_t waiting;
} console;

static bool is_request(void)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (strstr(console.line, requests[i]))
			return true;
	return false;
}

void sentence_watch(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != '\n') {
			if (console.length < LONGEST_LINE && bytes[i])
				console.line[console.length++] = bytes[i];
			continue;
		}
		console.line[console.length] = '\0';
		console.length = 0;
		if (is_request())
			console.waiting++;
	}
}

bool sentence_waits(const struct machine *machine)
{
	return console.waiting && machine->options->control < 0;
}

void sentence_answer(const struct machine *machine)
{
	if (!sentence_waits(machine))
		return;
	for (; console.waiting; console.waiting--)
		serial_receive((const uint8_t *)"\n", 1);
}

const struct device sentence_device = {
	.name = "sentence",
	.state = &console,
	.state_size = sizeof(console),
};
