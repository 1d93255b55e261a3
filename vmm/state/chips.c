// SPDX-License-Identifier: GPL-2.0-or-later
/* Pieces outside of vCPUs: KVM's interrupt controllers, and our own devices. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "message.h"
#include "pieces.h"

/* ---- KVM_GET_IRQCHIP ---- */

static uint32_t chip_id(const char *piece)
{
	return !strcmp(piece, "pic-master")  ? KVM_IRQCHIP_PIC_MASTER
	       : !strcmp(piece, "pic-slave") ? KVM_IRQCHIP_PIC_SLAVE
					     : KVM_IRQCHIP_IOAPIC;
}

SAVES(irqchip)
{
	struct kvm_irqchip *chip = (void *)state_add(state, piece->name, cpu, sizeof(*chip))->bytes;

	chip->chip_id = chip_id(piece->name);
	KVM_DO(machine->vm->fd, KVM_GET_IRQCHIP, chip);
}

RESTORES(irqchip)
{
	if (kvm_try(machine->vm->fd, KVM_SET_IRQCHIP, value->bytes) < 0)
		die(STATUS_KVM,
		    "KVM refuses KVM_SET_IRQCHIP of '%s' with the state that it gave: %s",
		    value->piece, strerror(errno));
}

/* ---- devices ---- */

#define PREFIX	     "device:"
#define LONGEST_NAME 64

SAVES(devices)
{
	for (const struct device *const *device = devices; *device; device++) {
		char name[LONGEST_NAME];

		snprintf(name, sizeof(name), PREFIX "%s", (*device)->name);
		memcpy(state_add(state, name, cpu, (*device)->state_size)->bytes, (*device)->state,
		       (*device)->state_size);
	}
}

RESTORES(device)
{
	const char *name = value->piece + strlen(PREFIX);
	const struct device *const *device = devices;

	while (*device && strcmp((*device)->name, name) != 0)
		device++;
	if (!*device)
		die(STATUS_SETUP, "the saved state has a device '%s', which is unknown here", name);
	if ((*device)->state_size != value->size)
		die(STATUS_SETUP, "device '%s' has %zu bytes here, and %u in the saved state", name,
		    (*device)->state_size, value->size);
	if (value->size)
		memcpy((*device)->state, value->bytes, value->size);
	if ((*device)->connect)
		(*device)->connect(machine);
}
