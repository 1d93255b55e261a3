/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's image in its UEFI loader. GUEST_IMAGE is the name of the file. */
	.data
	.balign	4096
	.globl	guest_image, guest_image_end
guest_image:
	.incbin	GUEST_IMAGE
guest_image_end:

	.section .note.GNU-stack, "", @progbits
