/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images of a guest's memory: one at the source when the guest has stopped, and one at the
 * destination before it goes on. No vCPU runs in between, so the two have to be equal. At most one
 * pair stays in the folder of a case: the last one that differed, or the last one if none did. No
 * pair is made after a failure. The offset in an image is the guest's physical address.
 */
#ifndef FERRY_HOST_RAM_IMAGES_H
#define FERRY_HOST_RAM_IMAGES_H

#include <glib.h>

struct ram_images;

/* Removes what an earlier run has left in FOLDER. */
void ram_images_clear(const char *folder);

/* The images are made in FOLDER. The caller ends them with ram_images_end(). */
struct ram_images *ram_images_new(const char *folder);

/* Are images of the next action to be made? */
gboolean ram_images_wanted(const struct ram_images *images);

/*
 * The absolute paths of the files to write, owned by IMAGES. ram_images_begin() begins a new pair,
 * with the source's.
 */
const char *ram_images_begin(struct ram_images *images);
const char *ram_images_destination(const struct ram_images *images);

/* Compares the pair. Both files must have been written. */
void ram_images_compare(struct ram_images *images);

/* Keeps the pair that is there, since something has failed. No other one is made. */
void ram_images_freeze(struct ram_images *images);

/* Makes no more images, for this REASON. */
void ram_images_give_up(struct ram_images *images, const char *reason);

/*
 * Frees IMAGES, and returns what was found in some lines that the caller frees. The files stay if
 * the case has FAILED, or if they differ.
 */
char *ram_images_end(struct ram_images *images, gboolean failed);

#endif
