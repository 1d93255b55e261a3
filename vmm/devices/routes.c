// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table that says which interrupt each GSI raises: KVM API documentation 4.52
 * (KVM_SET_GSI_ROUTING). The first GSIs are the pins of PICs and IOAPIC, and lead nowhere if KVM
 * has no such chips (--irqchip split). The GSIs behind them are SINTs of Hyper-V's SynIC. KVM takes
 * only a whole table, so we make a new one after each change, and in each new VM.
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "layout.h"
#include "machine.h"
#include "message.h"
#include "routes.h"

#define PIC_PINS 8

static struct {
	struct sint_route {
		uint8_t used, cpu, sint;
	} sint[MOST_SINT_ROUTES];
} routes;

static struct kvm_irq_routing_entry *add(struct kvm_irq_routing *table, uint32_t gsi, uint32_t type)
{
	struct kvm_irq_routing_entry *entry = &table->entries[table->nr++];

	entry->gsi = gsi;
	entry->type = type;
	return entry;
}

static void add_chip_pin(struct kvm_irq_routing *table, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	struct kvm_irq_routing_entry *entry = add(table, gsi, KVM_IRQ_ROUTING_IRQCHIP);

	entry->u.irqchip.irqchip = chip;
	entry->u.irqchip.pin = pin;
}

/* On a PC the PIT is wired to pin 2 of the IOAPIC, as the MADT says. KVM's default is pin 0. */
static void add_chips(struct kvm_irq_routing *table)
{
	for (uint32_t pin = 0; pin < PIC_PINS; pin++) {
		add_chip_pin(table, pin, KVM_IRQCHIP_PIC_MASTER, pin);
		add_chip_pin(table, PIC_PINS + pin, KVM_IRQCHIP_PIC_SLAVE, pin);
	}
	for (uint32_t irq = 0; irq < IOAPIC_PINS; irq++) {
		if (irq == PIN_OF_PIT)
			continue;
		add_chip_pin(table, irq, KVM_IRQCHIP_IOAPIC, irq == IRQ_OF_PIT ? PIN_OF_PIT : irq);
	}
}

static void commit(struct machine *machine)
{
	enum irqchip irqchip = machine->vm->shape.irqchip;
	unsigned most = 2 * IOAPIC_PINS + MOST_SINT_ROUTES;
	struct kvm_irq_routing *table;

	if (irqchip == IRQCHIP_OFF)
		return;
	table = allocate(sizeof(*table) + most * sizeof(table->entries[0]));
	if (irqchip == IRQCHIP_KERNEL)
		add_chips(table);
	for (unsigned i = 0; i < MOST_SINT_ROUTES; i++) {
		struct kvm_irq_routing_entry *entry;

		if (!routes.sint[i].used)
			continue;
		entry = add(table, sint_gsi(i), KVM_IRQ_ROUTING_HV_SINT);
		entry->u.hv_sint.vcpu = routes.sint[i].cpu;
		entry->u.hv_sint.sint = routes.sint[i].sint;
	}
	KVM_DO(machine->vm->fd, KVM_SET_GSI_ROUTING, table);
	free(table);
}

void set_irq_line(struct machine *machine, unsigned irq, bool level)
{
	struct kvm_irq_level line = { .irq = irq, .level = level };

	if (machine->vm->shape.irqchip == IRQCHIP_KERNEL)
		KVM_DO(machine->vm->fd, KVM_IRQ_LINE, &line);
}

uint32_t sint_gsi(unsigned index)
{
	return IOAPIC_PINS + index;
}

void sint_route_set(struct machine *machine, unsigned index, uint8_t cpu, uint8_t sint)
{
	routes.sint[index] = (struct sint_route){ .used = 1, .cpu = cpu, .sint = sint };
	commit(machine);
}

void sint_route_remove(struct machine *machine, unsigned index)
{
	routes.sint[index].used = 0;
	commit(machine);
}

/* KVM raises the SINT at each call with level 1 and ignores level 0, so nothing is lowered. */
void sint_raise(struct machine *machine, unsigned index)
{
	struct kvm_irq_level line = { .irq = sint_gsi(index), .level = 1 };

	/* KVM makes no interrupt if the guest has masked the SINT. That is no error here. */
	kvm_try(machine->vm->fd, KVM_IRQ_LINE, &line);
}

static void reset(struct machine *machine)
{
	memset(&routes, 0, sizeof(routes));
	commit(machine);
}

const struct device routes_device = {
	.name = "routes",
	.reset = reset,
	.state = &routes,
	.state_size = sizeof(routes),
	.connect = commit,
};
