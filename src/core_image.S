/* The stripped core as data: core_image.h. CORE is its path. */
    .section .rodata
    .balign 64
    .globl core_image
    .type core_image, @object
core_image:
    .incbin CORE
.Lend:
    .size core_image, .Lend - core_image
    .balign 8
    .globl core_image_size
    .type core_image_size, @object
    .size core_image_size, 8
core_image_size:
    .quad .Lend - core_image
    .section .note.GNU-stack, "", @progbits
