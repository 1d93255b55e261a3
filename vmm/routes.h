/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts that our devices raise, and their routes in KVM (devices/routes.c). */
#ifndef VMM_ROUTES_H
#define VMM_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* Sets the level of an ISA interrupt, 0 to 23. */
void set_irq_line(struct machine *machine, unsigned irq, bool level);

/* ---- SINTs of Hyper-V's SynIC; a route is known by its index ---- */

#define MOST_SINT_ROUTES 96

void sint_route_set(struct machine *machine, unsigned index, uint8_t cpu, uint8_t sint);
void sint_route_remove(struct machine *machine, unsigned index);
/* Raises an interrupt by this route, if the guest lets it through. */
void sint_raise(struct machine *machine, unsigned index);
/* The GSI of a route, for KVM_IRQFD. */
uint32_t sint_gsi(unsigned index);

#endif
