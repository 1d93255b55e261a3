// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One emulated instruction overruns a dirty ring. See kvm-dirty-ring-overrun.md. The guest writes
 * one page by MOV, and another page by REP INS or REP MOVS from a device. User space reads the ring
 * whenever KVM asks for it, and once more when the guest has ended. Both pages must have been
 * reported.
 */
#include "repro.h"

enum {
	END_PORT = 0x11,
	PAGE = 4096,
	PLAIN = SPARE,	       /* the page that MOV writes */
	STRING = SPARE + PAGE, /* the page that the string instruction writes */
	DEVICE = MEMORY_SIZE,  /* no memory is here, so user space answers */
	RING_ENTRIES = 1024,
};

/* KVM writes what INS reads upwards in one piece, and each byte by itself if it reads downwards. */
asm(".pushsection .rodata\n"
    "guest_ins:\n"
    "	movb $1, 0x100000\n"
    "	mov $0x101fff, %edi\n"
    "	mov $4096, %ecx\n"
    "	mov $0x10, %edx\n"
    "	std\n"
    "	rep insb\n"
    "	out %al, $0x11\n"
    "guest_movs:\n"
    "	movb $1, 0x100000\n"
    "	mov $0x200000, %esi\n"
    "	mov $0x101000, %edi\n"
    "	mov $1024, %ecx\n"
    "	rep movsl\n"
    "	out %al, $0x11\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_ins[], guest_movs[], guest_end[];

static struct kvm_dirty_gfn *create_with_ring(struct vm *vm)
{
	struct kvm_enable_cap ring = { .cap = KVM_CAP_DIRTY_LOG_RING,
				       .args = { RING_ENTRIES * sizeof(struct kvm_dirty_gfn) } };
	struct kvm_dirty_gfn *entries;

	vm_create_empty(vm, 0, KVM_MEM_LOG_DIRTY_PAGES);
	if (ioctl(vm->fd, KVM_ENABLE_CAP, &ring) < 0)
		cannot_tell("this KVM has no dirty rings of 1024 entries");
	vm_add_vcpu(vm);
	entries = mmap(NULL, ring.args[0], PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu,
		       KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	if (entries == MAP_FAILED)
		err(BROKEN, "mmap of the dirty ring");
	return entries;
}

struct log {
	struct kvm_dirty_gfn *entries;
	unsigned int next;			   /* the entry that user space reads next */
	unsigned int reported[MEMORY_SIZE / PAGE]; /* how often, for each page */
};

static unsigned int read_ring(struct vm *vm, struct log *log)
{
	unsigned int count = 0;

	for (;; log->next++, count++) {
		struct kvm_dirty_gfn *entry = &log->entries[log->next % RING_ENTRIES];

		if (__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			break;
		if (entry->offset >= MEMORY_SIZE / PAGE)
			errx(BROKEN, "the ring has page 0x%llx, which is no memory", entry->offset);
		log->reported[entry->offset]++;
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	}
	CALL(vm->fd, KVM_RESET_DIRTY_RINGS, 0);
	return count;
}

/* Until the guest ends, or KVM does not let it go on. */
static void run(struct vm *vm, struct log *log)
{
	for (;;) {
		CALL(vm->vcpu, KVM_RUN, 0);
		if (vm->run->exit_reason == KVM_EXIT_DIRTY_RING_FULL) {
			unsigned int count = read_ring(vm, log);

			printf("	KVM says that the ring is full: it has %u new entries\n",
			       count);
			if (!count)
				return;
		} else if (vm->run->exit_reason == KVM_EXIT_IO && vm->run->io.port == END_PORT) {
			return;
		} else if (vm->run->exit_reason != KVM_EXIT_IO &&
			   vm->run->exit_reason != KVM_EXIT_MMIO) {
			errx(BROKEN, "the guest stopped with exit reason %u", vm->run->exit_reason);
		}
	}
}

static int reports_all(const char *what, const uint8_t *code)
{
	static const uint64_t device_page = DEVICE | 0x83; /* present, writable, 2 MiB */
	struct log log = { 0 };
	struct vm vm;

	log.entries = create_with_ring(&vm);
	start_in_long_mode(&vm, code, guest_end - code, 0, 0);
	write64(&vm, PML4 + 0x2008, device_page);
	printf("%s\n", what);
	run(&vm, &log);
	printf("	at the end: %u new entries\n", read_ring(&vm, &log));
	printf("	page 0x%x, written by MOV: reported %u times\n", PLAIN / PAGE,
	       log.reported[PLAIN / PAGE]);
	printf("	page 0x%x, written by the string instruction: reported %u times\n",
	       STRING / PAGE, log.reported[STRING / PAGE]);
	return log.reported[PLAIN / PAGE] && log.reported[STRING / PAGE];
}

int main(void)
{
	int ins, movs;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ins = reports_all("REP INSB from a port, downwards", guest_ins);
	movs = reports_all("REP MOVSL from MMIO", guest_movs);
	verdict(ins && movs, "all pages were reported",
		"a page that the guest has written was never reported");
}
