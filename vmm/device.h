/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device that ferry-vmm itself emulates: I/O ports or memory-mapped registers. To add one, write
 * its file in devices/ and name it in device.c. docs/native-vmm.md shows how.
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
	/* Called when the access is over, to send what it has gathered. May be NULL. */
	void (*access_over)(struct machine *machine);
	/*
	 * Called on the thread of vCPU CPU before the vCPU runs, if device_wants_cpu() has asked
	 * for it. May be NULL.
	 */
	void (*before_run)(struct machine *machine, unsigned cpu);
	/*
	 * Whether the port at OFFSET is a clock or a status that guests read again and again while
	 * they wait. May be NULL: none is.
	 */
	bool (*is_polled)(unsigned offset);
	/*
	 * Called at power-on, before the guest's first instruction, and at each reset. May be NULL.
	 */
	void (*reset)(struct machine *machine);
	/*
	 * The device's state is STATE_SIZE bytes at STATE, which mean the same in another process.
	 * 0 if it has none.
	 */
	void *state;
	size_t state_size;
	/*
	 * Makes KVM's half of the device, e.g. routes of interrupts, in a new VM, which is
	 * machine->vm. Called at each restore after STATE was set. May be NULL.
	 */
	void (*connect)(struct machine *machine);
};

/* Every device, ended by NULL. */
extern const struct device *const devices[];

/*
 * The guest's access to PORT: COUNT times SIZE bytes at DATA, as in KVM_EXIT_IO. Ports without a
 * device read as all ones. Takes the devices' lock.
 */
void device_access(struct machine *machine, bool write, uint16_t port, unsigned size,
		   unsigned count, uint8_t *data);
/* The same for memory that is no RAM. Without a device it reads as all ones. */
void device_mmio(struct machine *machine, bool write, uint64_t address, unsigned size,
		 uint8_t *data);
/*
 * Only one thread at a time calls a device's functions. Other code that uses a device takes this
 * lock.
 */
void devices_lock(void);
void devices_unlock(void);
/*
 * Has the devices' before_run() called in CPU's thread, before it runs again. A running vCPU is
 * stopped for that. The caller holds the lock, as a device's functions do.
 */
void device_wants_cpu(struct machine *machine, unsigned cpu);
/* Calls before_run() where it is wanted. CPU's own thread calls this. */
void devices_before_run(struct machine *machine, unsigned cpu);
/* Whether PORT is one that guests read again and again while they wait. */
bool device_is_polled(uint16_t port);
void devices_reset(struct machine *machine);
/* Clears the state of all devices, as in a new process. */
void devices_clear(void);

/* A hypercall that KVM leaves to user space (devices/hyperv-testdev.c). */
struct kvm_hyperv_exit;
void hyperv_hypercall(struct machine *machine, struct kvm_hyperv_exit *exit);

/* Bytes for the guest's serial port (devices/serial.c). Returns how many it has taken. */
size_t serial_receive(const uint8_t *bytes, size_t count);
/* How many more bytes serial_receive() takes now. */
size_t serial_room(void);

#endif
