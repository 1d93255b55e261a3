/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device that ferry-vmm itself emulates: some I/O ports. To add one, write its file in devices/
 * and name it in device.c. docs/native-vmm.md shows how.
 */
#ifndef VMM_DEVICE_H
#define VMM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

struct device {
	const char *name;     /* for state files and messages */
	uint16_t port, ports; /* the first one, and how many */
	/* One access of SIZE bytes, 1, 2 or 4, at OFFSET from the first port. May be NULL. */
	uint32_t (*in)(struct machine *machine, unsigned offset, unsigned size);
	void (*out)(struct machine *machine, unsigned offset, unsigned size, uint32_t value);
	/*
	 * The same for MMIO_BYTES bytes of memory from the physical address MMIO on; at most 8
	 * bytes at a time. May be NULL.
	 */
	uint32_t mmio, mmio_bytes;
	uint64_t (*read)(struct machine *machine, unsigned offset, unsigned size);
	void (*write)(struct machine *machine, unsigned offset, unsigned size, uint64_t value);
	/* The access is over: what was gathered in its course can go. May be NULL. */
	void (*access_over)(struct machine *machine);
	/*
	 * Before vCPU CPU runs, in its thread, once device_wants_cpu() has asked for it. May be
	 * NULL.
	 */
	void (*before_run)(struct machine *machine, unsigned cpu);
	/*
	 * Whether the port at OFFSET is a clock or a status that guests read again and again while
	 * they wait. May be NULL: none is.
	 */
	bool (*is_polled)(unsigned offset);
	/*
	 * Power-on and reset. Before the guest's first instruction, and again at each reset. May be
	 * NULL.
	 */
	void (*reset)(struct machine *machine);
	/*
	 * The device's state is STATE_SIZE bytes at STATE, which mean the same in another process.
	 * 0 if it has none.
	 */
	void *state;
	size_t state_size;
	/*
	 * KVM's half of the device is to be made in a new VM, e.g. routes of interrupts. The new VM
	 * is machine->vm. Called at each restore after STATE was set. May be NULL.
	 */
	void (*connect)(struct machine *machine);
};

/* Every device, ended by NULL. */
extern const struct device *const devices[];

/*
 * The guest's access to PORT: COUNT times SIZE bytes at DATA, as KVM_EXIT_IO has it. Ports without
 * a device read as all ones. One vCPU at a time is in here.
 */
void device_access(struct machine *machine, bool write, uint16_t port, unsigned size,
		   unsigned count, uint8_t *data);
/* The same for memory that is no RAM. Without a device it reads as all ones. */
void device_mmio(struct machine *machine, bool write, uint64_t address, unsigned size,
		 uint8_t *data);
/* Only one thread at a time calls a device's functions. Others that look at one take this lock. */
void devices_lock(void);
void devices_unlock(void);
/*
 * Has the devices' before_run() called in CPU's thread, before it runs again. A running vCPU is
 * stopped for that. A device calls it, or who has the lock.
 */
void device_wants_cpu(struct machine *machine, unsigned cpu);
/* Calls before_run() where it is wanted. CPU's own thread calls this. */
void devices_before_run(struct machine *machine, unsigned cpu);
/* Whether PORT is one that guests read again and again while they wait. */
bool device_is_polled(uint16_t port);
void devices_reset(struct machine *machine);
/* All that the devices remember is gone, as in a new process. */
void devices_clear(void);

/* A hypercall that KVM leaves to us (devices/hyperv-testdev.c). */
struct kvm_hyperv_exit;
void hyperv_hypercall(struct machine *machine, struct kvm_hyperv_exit *exit);

/* Bytes for the guest's serial port (devices/serial.c). Returns how many it has taken. */
size_t serial_receive(const uint8_t *bytes, size_t count);
/* How many more bytes serial_receive() takes now. */
size_t serial_room(void);

#endif
