// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU, to be given to the runner with --qemu, whose guest is restored from a snapshot
 * that went bad on the disk. The environment variable FERRY_DAMAGE says how: "cut" (its
 * second half is missing) or "bit" (one bit of RAM is wrong: in a page that the test
 * survives_a_move of x86/selftest.c has filled).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define QEMU "qemu-system-x86_64"

/* Where the runner gives QEMU the file (host/qemu.c). */
#define SNAPSHOT_FD 4

/* The test has in each page's first word the page's number times 8, plus a base, times this. */
#define FACTOR 0x9e3779b97f4a7c15ull

/* In QEMU's stream a page has a word in front of it (ram.c, save_normal_page()). */
#define PAGE_DISTANCE (4096 + 8)

static bool flip_bit(uint8_t *bytes, size_t size)
{
	uint64_t word, next;

	for (size_t i = 0; i + PAGE_DISTANCE + sizeof(word) <= size; i++) {
		memcpy(&word, bytes + i, sizeof(word));
		memcpy(&next, bytes + i + PAGE_DISTANCE, sizeof(next));
		if (next - word == FACTOR * sizeof(word)) {
			bytes[i] ^= 1;
			return true;
		}
	}
	return false;
}

static bool damage(const char *how)
{
	struct stat file;
	uint8_t *bytes;

	if (fstat(SNAPSHOT_FD, &file) < 0)
		return false;
	if (!strcmp(how, "cut"))
		return !ftruncate(SNAPSHOT_FD, file.st_size / 2);
	bytes = mmap(NULL, file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, SNAPSHOT_FD, 0);
	return bytes != MAP_FAILED && flip_bit(bytes, file.st_size);
}

int main(int argc, char **argv)
{
	const char *how = getenv("FERRY_DAMAGE");

	for (int i = 1; how && i < argc; i++)
		if (!strcmp(argv[i], "-incoming") && !damage(how))
			fprintf(stderr, "damaging-qemu: nothing to damage\n");
	execvp(QEMU, argv);
	perror(QEMU);
	return 1;
}
