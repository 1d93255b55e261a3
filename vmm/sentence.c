// SPDX-License-Identifier: GPL-2.0-or-later
/* See sentence.h. */
#include <string.h>

#include "device.h"
#include "machine.h"
#include "sentence.h"

/* No request is longer. */
#define LONGEST_LINE 256

static const char *const requests[] = {
	"Now migrate the VM",
	"Begin continuous migration",
	"End continuous migration",
	"Skipped VM migration",
};

static char line[LONGEST_LINE + 1];
static size_t length;
/* A vCPU's thread counts it up; the director reads and clears it while that one stands still. */
static unsigned waiting;

static bool is_request(void)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (strstr(line, requests[i]))
			return true;
	return false;
}

void sentence_watch(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != '\n') {
			if (length < LONGEST_LINE && bytes[i])
				line[length++] = bytes[i];
			continue;
		}
		line[length] = '\0';
		length = 0;
		if (is_request())
			waiting++;
	}
}

bool sentence_waits(const struct machine *machine)
{
	return waiting && machine->options->control < 0;
}

void sentence_answer(const struct machine *machine)
{
	if (!sentence_waits(machine))
		return;
	for (; waiting; waiting--)
		serial_receive((const uint8_t *)"\n", 1);
}
