// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints what a PC's devices hold at the beginning of a boot. See machine-state.h.
 *
 * A reset of the machine sets each of these registers to a fixed value, or leaves it to firmware
 * and library, which write the same at each boot: Intel 8259A and 8254 data sheets, MC146818A data
 * sheet ("RESET"), IA-PC HPET specification 1.0a (2.3), 82093AA data sheet (3.2.4), PC16550D data
 * sheet ("Reset Configuration"), PCI Local Bus Specification 3.0 (4.3.2), ICH9 data sheet.
 *
 * Values that change by themselves are left out (counts, the levels of interrupt lines, status
 * bits), and so is what a reset does not touch: the RTC's time, format and RAM, scratch registers.
 */
#include "machine-state.h"
#include "acpi.h"
#include "cmos.h"
#include "console.h"
#include "io.h"
#include "ioapic.h"
#include "pci.h"
#include "vm.h"
#include "vmalloc.h"

#define NO_DEVICE 0xff

/* The line that is being put together. */
static struct {
	size_t length;
	char text[2048];
} line;

static void begin_line(void)
{
	line.length = 0;
	line.text[0] = '\0';
}

static __printf(1, 2) void add(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line.length += vsnprintf(line.text + line.length, sizeof(line.text) - line.length, format,
				 arguments);
	va_end(arguments);
	assert_msg(line.length < sizeof(line.text), "the machine line is too long");
}

static void end_line(const char *device)
{
	machine_line("machine", "device=%s%s", device, line.text);
}

/* ---- interrupt controllers, timers and clock ---- */

#define PIC_MASTER	0x20
#define PIC_SLAVE	0xa0
#define PIC_READ_ISR	0x0b
#define PIC_READ_IRR	0x0a
#define PIC_EDGE_LEVEL	0x4d0
#define PIC_ELCR_MASTER 0xf8 /* the lines that can be level-triggered */
#define PIC_ELCR_SLAVE	0xde

static u8 in_service(u16 pic)
{
	u8 bits;

	outb(PIC_READ_ISR, pic);
	bits = inb(pic);
	outb(PIC_READ_IRR, pic);
	return bits;
}

static void tell_pic(void)
{
	machine_line("machine", "device=8259A imr=%#x,%#x isr=%#x,%#x elcr=%#x,%#x",
		     inb(PIC_MASTER + 1), inb(PIC_SLAVE + 1), in_service(PIC_MASTER),
		     in_service(PIC_SLAVE), inb(PIC_EDGE_LEVEL) & PIC_ELCR_MASTER,
		     inb(PIC_EDGE_LEVEL + 1) & PIC_ELCR_SLAVE);
}

#define PIT_CHANNEL0	0x40
#define PIT_COMMAND	0x43
#define PIT_READ_STATUS 0xe0
#define PIT_MODE	0x0e
#define SPEAKER		0x61
#define SPEAKER_BITS	0x03

/* A reset of QEMU or KVM leaves the access mode. The 8254 itself has no reset at all. */
static u8 pit_mode(int channel)
{
	outb(PIT_READ_STATUS | 2 << channel, PIT_COMMAND);
	return inb(PIT_CHANNEL0 + channel) & PIT_MODE;
}

static void tell_pit(void)
{
	machine_line("machine", "device=8254 mode=%#x,%#x,%#x port61=%#x", pit_mode(0), pit_mode(1),
		     pit_mode(2), inb(SPEAKER) & SPEAKER_BITS);
}

/* PIE, AIE and SQWE. By the data sheet a reset clears UIE, too, but QEMU leaves it. */
#define RTC_B_CLEARED 0x68

static void tell_rtc(void)
{
	if (cmos_read(RTC_A) != NO_DEVICE)
		machine_line("machine", "device=MC146818 b=%#x", cmos_read(RTC_B) & RTC_B_CLEARED);
}

#define HPET_CAPABILITIES  0x00
#define HPET_CONFIG	   0x10
#define HPET_TIMER(n)	   (0x100 + 0x20 * (n))
#define HPET_COMPARATOR(n) (HPET_TIMER(n) + 8)
#define HPET_TIMERS(caps)  (((caps) >> 8 & 0x1f) + 1)

static void tell_hpet(void)
{
	const struct acpi_hpet *table = acpi_table("HPET");
	volatile u8 *hpet;

	if (!table)
		return;
	hpet = ioremap(table->address, PAGE_SIZE);
	begin_line();
	add(" config=%#lx", readq(hpet + HPET_CONFIG));
	for (unsigned n = 0; n < HPET_TIMERS(readq(hpet + HPET_CAPABILITIES)); n++)
		add(" timer%u=%#lx,%#lx", n, readq(hpet + HPET_TIMER(n)),
		    readq(hpet + HPET_COMPARATOR(n)));
	end_line("HPET");
}

#define NO_IOAPIC	     0xffffffff
#define IOAPIC_PINS(version) (((version) >> 16 & 0xff) + 1)

/* A reset leaves each pin masked, and nothing else in its entry. */
static void tell_ioapic(void)
{
	u32 version = ioapic_read(IOAPIC_VERSION);

	if (version == NO_IOAPIC)
		return;
	begin_line();
	for (unsigned pin = 0; pin < IOAPIC_PINS(version); pin++) {
		u64 entry = ioapic_read_entry(pin);

		if (entry != IOAPIC_MASKED)
			add(" pin%u=%#lx", pin, entry);
	}
	end_line("IOAPIC");
}

/* ---- serial port, keyboard ---- */

/* The console's port is COM1. */
#define COM2		 0x2f8
#define COM_ENABLES	 1
#define COM_LINE_CONTROL 3
#define COM_MODEM	 4

static void tell_serial(void)
{
	if (inb(COM2 + COM_LINE_CONTROL) != NO_DEVICE)
		machine_line("machine", "device=COM2 ier=%#x lcr=%#x mcr=%#x",
			     inb(COM2 + COM_ENABLES), inb(COM2 + COM_LINE_CONTROL),
			     inb(COM2 + COM_MODEM));
}

#define KEYBOARD	      0x64
#define KEYBOARD_DATA	      0x60
#define KEYBOARD_FULL	      0x01 /* a byte waits */
#define KEYBOARD_READ_COMMAND 0x20
#define KEYBOARD_TRIES	      1000

static void tell_keyboard(void)
{
	int tries = KEYBOARD_TRIES;

	if (inb(KEYBOARD) == NO_DEVICE)
		return;
	if (inb(KEYBOARD) & KEYBOARD_FULL) {
		machine_line("machine", "device=8042 byte_waits=1");
		return;
	}
	outb(KEYBOARD_READ_COMMAND, KEYBOARD);
	while (!(inb(KEYBOARD) & KEYBOARD_FULL) && --tries)
		;
	machine_line("machine", "device=8042 byte_waits=0 command=%#x",
		     tries ? inb(KEYBOARD_DATA) : NO_DEVICE);
}

/* ---- PCI ---- */

#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_ENABLE  0x80000000u
#define PCI_CONFIG_BYTES   256
#define PCI_COMMAND_BITS   0xffff

static bool has_pci(void)
{
	outl(PCI_CONFIG_ENABLE, PCI_CONFIG_ADDRESS);
	return inl(PCI_CONFIG_ADDRESS) == PCI_CONFIG_ENABLE && pci_dev_exists(0);
}

/* The upper half of the dword at PCI_COMMAND is status. */
static u32 config_to_compare(pcidevaddr_t function, int offset)
{
	u32 value = pci_config_readl(function, offset);

	return offset == PCI_COMMAND ? value & PCI_COMMAND_BITS : value;
}

/*
 * A read through a capability of virtio's changes the device (VIRTIO 1.2, 4.1.4.9). So of a
 * device's function only the header is told, and of the chipset's functions everything.
 */
#define PCI_HEADER_BYTES 0x40
#define PCI_CLASS_BRIDGE 0x06
#define PCI_CLASS(reg)	 ((reg) >> 24)

static void tell_function(pcidevaddr_t function)
{
	bool bridge = PCI_CLASS(pci_config_readl(function, PCI_CLASS_REVISION)) == PCI_CLASS_BRIDGE;
	char name[8], device[16];

	begin_line();
	for (int at = 0; at < (bridge ? PCI_CONFIG_BYTES : PCI_HEADER_BYTES); at += 4) {
		u32 value = config_to_compare(function, at);

		if (value)
			add(" at_%02x=%#x", at, value);
	}
	snprintf(device, sizeof(device), "PCI-%s", pci_name(function, name));
	end_line(device);
}

static void tell_pci(void)
{
	pcidevaddr_t function = PCIDEVADDR_INVALID;

	while ((function = pci_next_dev(function)) != PCIDEVADDR_INVALID)
		tell_function(function);
}

/* ---- the ICH9's power management ---- */

#define LPC	      PCI_DEVADDR(0, 31, 0)
#define LPC_ICH9      0x29188086
#define PM_BASE	      0x40
#define PM_BASE_MASK  0xff80
#define PM1_ENABLE    0x02
#define PM1_CONTROL   0x04
#define GPE0_ENABLE   0x28
#define SMI_ENABLE    0x30
#define RESET_CONTROL 0xcf9
#define TCO1_CONTROL  0x68
#define TCO_TIMER     0x72

static void tell_power_management(void)
{
	u16 base = pci_config_readl(LPC, PM_BASE) & PM_BASE_MASK;

	if (pci_config_readl(LPC, PCI_VENDOR_ID) != LPC_ICH9 || !base)
		return;
	machine_line("machine",
		     "device=ICH9 pm1_en=%#x pm1_cnt=%#x gpe0_en=%#x smi_en=%#x rst_cnt=%#x",
		     inw(base + PM1_ENABLE), inw(base + PM1_CONTROL), inw(base + GPE0_ENABLE),
		     inl(base + SMI_ENABLE), inb(RESET_CONTROL));
	machine_line("machine", "device=TCO tco1_cnt=%#x tco_tmr=%#x", inw(base + TCO1_CONTROL),
		     inw(base + TCO_TIMER));
}

void device_state_tell(void)
{
	tell_pic();
	tell_pit();
	tell_rtc();
	tell_hpet();
	tell_ioapic();
	tell_serial();
	tell_keyboard();
	if (has_pci()) {
		tell_pci();
		tell_power_management();
	}
}
